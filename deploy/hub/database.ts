import { type CompiledQuery, Kysely, SqliteDialect, sql } from 'kysely'
import Database from 'libsql'
import { OwnlensError } from '../../protocol/errors.ts'

/** The registrar's tables. Queries use nothing that PostgreSQL lacks, and each finds its rows by an index. */
export interface Tables {
  households: {
    household_id: string
    /** The key that signed the roster. */
    root_id: string
    roster: string
    roster_number: number
    /** JSON array of compact JWS. */
    successions: string
  }
  /** Whom the newest roster of each household names. */
  members: { household_id: string; member_id: string }
  claims: { device_id: string; epoch: number; household_id: string; claim: string; registered_at: string }
  devices: {
    device_id: string
    household_id: string
    epoch: number
    /** The highest enrolment counter, and SHA-256 of the request that carried it. */
    counter: number
    request: string
    certificate: string
    held: number
  }
  certificates: {
    serial: string
    common_name: string
    /** deviceId or memberId. */
    owner: string
    uri: string
    not_after: string
    superseded_at: string | null
  }
  /** Registration codes that nobody has used. `code_hash`: looking one up takes the same time whatever was guessed. */
  codes: { code_hash: string; code: string }
}

/** The database, or a transaction in it. */
export type Db = Kysely<Tables>

const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table households (household_id text primary key, root_id text not null, roster text not null,
      roster_number bigint not null, successions text not null)`,
    `create table members (household_id text not null, member_id text not null,
      primary key (household_id, member_id))`,
    `create table claims (device_id text not null, epoch bigint not null, household_id text not null, claim text not null,
      registered_at text not null, primary key (device_id, epoch))`,
    'create index claims_household on claims (household_id, registered_at)',
    `create table devices (device_id text primary key, household_id text not null, epoch bigint not null,
      counter bigint not null, request text not null, certificate text not null, held integer not null)`,
    `create table certificates (serial text primary key, common_name text not null, owner text not null, uri text not null,
      not_after text not null, superseded_at text)`,
    'create index certificates_owner on certificates (owner, not_after)',
    'create index certificates_not_after on certificates (not_after)',
    'create table codes (code_hash text primary key, code text not null)',
  ],
]

/**
 * Opens the registrar's database and brings it to this version. Every commit is on the disk before it returns.
 *
 * @param log every query, for tests of what they cost.
 * @throws OwnlensError `hub.damaged`.
 */
export async function openDatabase(path: string, log?: (query: CompiledQuery) => void): Promise<Db> {
  const kysely = new Kysely<Tables>({
    dialect: new SqliteDialect({ database: openFile(path) }),
    ...(log && { log: event => log(event.query) }),
  })
  await sql`create table if not exists migrations (number integer primary key)`.execute(kysely)
  const done = await sql<{ number: number }>`select number from migrations`.execute(kysely)
  for (const [number, statements] of MIGRATIONS.entries()) {
    if (done.rows.some(row => row.number === number)) continue
    await kysely.transaction().execute(async transaction => {
      for (const statement of statements) await sql.raw(statement).execute(transaction)
      await sql`insert into migrations (number) values (${number})`.execute(transaction)
    })
  }
  return kysely
}

function openFile(path: string): Database.Database {
  try {
    const database = new Database(path)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('busy_timeout = 5000')
    return database
  } catch (cause) {
    throw new OwnlensError('hub.damaged', path, { cause })
  }
}
