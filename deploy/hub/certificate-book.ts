import { type CertificateName, certificateUri } from '../../protocol/registrar.ts'
import type { Db, Tables } from './database.ts'

/** So long a certificate is remembered past its end: until no clock takes it for a good one. */
const REMEMBERED_MS = 60 * 60_000
/** So many at a time; the next enrolment finds the rest. */
const SURPLUS_MAX = 256

/** Writes down a certificate and forgets those that ended long ago. */
export async function enter(
  db: Db,
  certificate: { serial: string; commonName: string; name: CertificateName; notAfter: Date },
  now: Date,
): Promise<void> {
  const { serial, commonName, name, notAfter } = certificate
  await db.deleteFrom('certificates').where('not_after', '<', forgottenBefore(now)).execute()
  await db
    .insertInto('certificates')
    .values({
      serial,
      common_name: commonName,
      owner: name.id,
      uri: certificateUri(name),
      not_after: notAfter.toISOString(),
      superseded_at: null,
    })
    .execute()
}

/** Certificates of this owner count no more: all of them, or those that bear exactly this name. */
export async function supersede(
  db: Db,
  which: { owner: string; name?: CertificateName },
  now: Date,
): Promise<void> {
  const all = db
    .updateTable('certificates')
    .set({ superseded_at: now.toISOString() })
    .where('owner', '=', which.owner)
    .where('superseded_at', 'is', null)
  await (which.name === undefined ? all : all.where('uri', '=', certificateUri(which.name))).execute()
}

/** All certificates of these owners count no more. */
export async function supersedeAll(db: Db, owners: readonly string[], now: Date): Promise<void> {
  await db
    .updateTable('certificates')
    .set({ superseded_at: now.toISOString() })
    .where('owner', 'in', owners)
    .where('superseded_at', 'is', null)
    .execute()
}

/** Of this owner's certificates only the `keep` youngest go on counting. */
export async function supersedeSurplus(db: Db, owner: string, keep: number, now: Date): Promise<void> {
  const surplus = await db
    .selectFrom('certificates')
    .select('serial')
    .where('owner', '=', owner)
    .where('superseded_at', 'is', null)
    .orderBy('not_after', 'desc')
    .limit(SURPLUS_MAX)
    .offset(keep)
    .execute()
  if (surplus.length === 0) return
  const serials = surplus.map(({ serial }) => serial)
  await db
    .updateTable('certificates')
    .set({ superseded_at: now.toISOString() })
    .where('serial', 'in', serials)
    .execute()
}

/** What a certificate stands for, unless it is unknown or superseded; and when it ends. */
export async function lookUp(
  db: Db,
  serial: string,
): Promise<{ readonly uri: string; readonly notAfter: number } | undefined> {
  const row = await db
    .selectFrom('certificates')
    .select(['uri', 'not_after', 'superseded_at'])
    .where('serial', '=', serial)
    .executeTakeFirst()
  if (row === undefined || row.superseded_at !== null) return undefined
  return { uri: row.uri, notAfter: Date.parse(row.not_after) }
}

/**
 * Every certificate that has not been forgotten, for a broker that is told in files. The one query that reads all there
 * are: nothing but mosquitto's files needs it.
 */
export async function allRemembered(db: Db, now: Date): Promise<readonly Tables['certificates'][]> {
  return db
    .selectFrom('certificates')
    .select(['serial', 'common_name', 'owner', 'uri', 'not_after', 'superseded_at'])
    .where('not_after', '>=', forgottenBefore(now))
    .execute()
}

const forgottenBefore = (now: Date): string => new Date(now.getTime() - REMEMBERED_MS).toISOString()
