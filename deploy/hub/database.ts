import { type CompiledQuery, type Generated, Kysely, SqliteDialect, sql } from 'kysely'
import Database from 'libsql'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Notice } from '../../protocol/registrar.ts'

/** Numbered orders of a root, of which the newest counts: moves (PROTOCOL 4.8). */
export type OrderKind = 'move'

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
    /** The current successor, and since when: of two households that name one, the first counts. */
    successor_id: string
    successor_since: string
  }
  /** Whom the newest roster of each household names. */
  members: { household_id: string; member_id: string }
  /** Every claim that ever stood, with what became of the device in that epoch (PROTOCOL 4.5 to 4.7). */
  claims: {
    device_id: string
    epoch: number
    household_id: string
    claim: string
    registered_at: string
    /** The release. */
    released: string | null
    reset_at: string | null
    objected_until: string | null
  }
  devices: {
    device_id: string
    /** Empty: nobody's. */
    household_id: string
    epoch: number
    /** What its requests for certificates have shown (`lines.ts`). */
    counter: number
    request: string
    certificate: string
    /** Until its owner confirms. */
    held: number
    /** For good. */
    cloned: number
    /** Boots seen, oldest first: JSON array of nonces. */
    boots: string
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
  /** Which serial a device bears (profile `maker`). While several bear one, all of them are disputed. */
  serials: {
    device_id: string
    serial: string
    disputed: number
    /** The station's registration, the root's word, or a board's certificates as JSON. */
    proof: string
    registered_at: string
    /** SHA-256 of the code in its box, and when its station made it; null where it has none. */
    box_hash: string | null
    box_at: string | null
  }
  /** The newest word of the maker's root on each serial that it spoke of. */
  serial_words: { serial: string; number: number; statement: string }
  /** Registration codes that nobody has used. `code_hash`: looking one up takes the same time whatever was guessed. */
  codes: { code_hash: string; code: string }
  /** PROTOCOL 4.4. */
  mailboxes: {
    mailbox_id: string
    household_id: string
    until: string
    state: 'open' | 'claimed' | 'declined'
    /** The first camera's, with the camera and the epoch that it is for. */
    half: string | null
    half_hash: string | null
    device_id: string | null
    epoch: number | null
    /** Other cameras that answered: JSON array of ids. */
    rivals: string
    reveal: string | null
  }
  /** The newest order of each kind. */
  orders: { household_id: string; kind: OrderKind; number: number; jws: string }
  notices: {
    notice_id: string
    household_id: string
    at: string
    kind: Notice['kind']
    device_id: string
    free_at: string | null
    serial: string | null
    reason: string | null
  }
  /**
   * Every change, in the order in which it came: what the log shows of it, and what is behind that (PROTOCOL 10.1). Salt and
   * content are null once they were erased; the commitment stays, so that the log can be written again.
   */
  records: {
    record_id: Generated<number>
    /** Its entry in the log; null until it has one. */
    position: number | null
    at: string
    commitment: string
    /** Base64url. */
    salt: string | null
    /** JSON of `RecordContent`. */
    content: string | null
    household_id: string | null
    device_id: string | null
  }
  /** The order that stands for a device in one epoch of a household, whatever else is known of that epoch (PROTOCOL 4.7). */
  blocks: {
    household_id: string
    device_id: string
    epoch: number
    /** How many successions came before the root that signed. */
    generation: number
    number: number
    blocked: number
    jws: string
  }
  /** Releases whose claims were lost with a database that was restored (`waiting-releases.ts`). */
  waiting_releases: {
    device_id: string
    epoch: number
    household_id: string
    release_hash: string
    release: string
  }
  /** The newest word of the maker's root on each of its stations and signers (PROTOCOL 9). */
  maker_keys: {
    key_id: string
    kind: 'station' | 'signer'
    name: string
    number: number
    active: number
    jws: string
  }
  /** Which of the maker's orders stands for a device, in every epoch and home. */
  maker_blocks: {
    device_id: string
    number: number
    blocked: number
    /** When a signer named it last without a second one's word. */
    single_at: string | null
  }
  /** The maker's orders, and which record each is. */
  maker_orders: {
    number: number
    jws: string
    /** The second signer's word; null where one was enough. */
    second: string | null
    record_id: number
  }
  /** What homes have reported, by the report's hash (PROTOCOL 11). */
  reports: {
    report_hash: string
    household_id: string
    device_id: string | null
    received_at: string
    answer_by: string
    report: string
    receipt: string
    /** Bytes that its evidence takes up. */
    frozen_bytes: number
  }
  incidents: { incident_id: string; number: number; state: string; at: string; incident: string }
  incident_reports: { report_hash: string; incident_id: string }
  /** Each camera's newest sealed status, base64. */
  statuses: { household_id: string; device_id: string; epoch: number; at: string; sealed: string }
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
  [
    'alter table devices add column cloned integer not null default 0',
    "alter table devices add column boots text not null default '[]'",
  ],
  [
    `create table mailboxes (mailbox_id text primary key, household_id text not null, until text not null,
      state text not null, half text, half_hash text, device_id text, epoch bigint, rivals text not null, reveal text)`,
    'create index mailboxes_household on mailboxes (household_id, state, until)',
    'create index mailboxes_until on mailboxes (until)',
    'create index mailboxes_half on mailboxes (half_hash)',
  ],
  [
    `create table serials (device_id text primary key, serial text not null, disputed integer not null, proof text not null,
      registered_at text not null)`,
    'create index serials_serial on serials (serial)',
    // The database itself holds it: one device a serial, unless all that bear it are disputed.
    'create unique index serials_undisputed on serials (serial) where disputed = 0',
    'create table serial_words (serial text primary key, number bigint not null, statement text not null)',
    'create index serial_words_number on serial_words (number)',
  ],
  [
    "alter table households add column successor_id text not null default ''",
    "alter table households add column successor_since text not null default ''",
    'create index households_successor on households (successor_id, successor_since)',
    'alter table claims add column released text',
    'alter table claims add column reset_at text',
    'alter table claims add column objected_until text',
    'alter table claims add column blocked integer not null default 0',
    `create table orders (household_id text not null, kind text not null, number bigint not null, jws text not null,
      primary key (household_id, kind))`,
    `create table notices (notice_id text primary key, household_id text not null, at text not null, kind text not null,
      device_id text not null, free_at text, serial text)`,
    'create index notices_household on notices (household_id, at)',
    'create index notices_at on notices (at)',
    `create table statuses (household_id text not null, device_id text not null, epoch bigint not null, at text not null,
      sealed text not null, primary key (household_id, device_id))`,
    'create index statuses_household on statuses (household_id, at)',
  ],
  [
    `create table records (record_id integer primary key autoincrement, position bigint, at text not null,
      commitment text not null, salt text, content text, household_id text, device_id text)`,
    'create unique index records_position on records (position)',
    'create index records_household on records (household_id)',
    'create index records_device on records (device_id)',
    `create table blocks (household_id text not null, device_id text not null, epoch bigint not null,
      generation integer not null, number bigint not null, blocked integer not null, jws text not null,
      primary key (household_id, device_id, epoch))`,
    // What an earlier version knew: that a device is blocked, not by which order. Any order of its root is newer.
    `insert into blocks select household_id, device_id, epoch, 0, 0, 1, '' from claims where blocked = 1`,
    'alter table claims drop column blocked',
    "delete from orders where kind = 'block'",
    `create table maker_keys (key_id text primary key, kind text not null, name text not null, number bigint not null,
      active integer not null, jws text not null)`,
    `create table maker_blocks (device_id text primary key, number bigint not null, blocked integer not null,
      single_at text)`,
    'create index maker_blocks_single on maker_blocks (single_at)',
    'create index maker_blocks_number on maker_blocks (number)',
    `create table maker_orders (number bigint primary key, jws text not null, second text,
      record_id bigint not null)`,
    'alter table notices add column reason text',
    'alter table serials add column box_hash text',
    'alter table serials add column box_at text',
    'create index serials_box on serials (box_hash)',
    `create table reports (report_hash text primary key, household_id text not null, device_id text,
      received_at text not null, answer_by text not null, report text not null, receipt text not null)`,
    'create index reports_household on reports (household_id, received_at)',
    `create table incidents (incident_id text not null, number bigint not null, state text not null, at text not null,
      incident text not null, primary key (incident_id, number))`,
    `create table incident_reports (report_hash text not null, incident_id text not null,
      primary key (report_hash, incident_id))`,
  ],
  ['create index blocks_device on blocks (device_id, epoch, blocked)'],
  [
    `create table waiting_releases (device_id text not null, epoch bigint not null, household_id text not null,
      release_hash text not null, release text not null, primary key (device_id, epoch, release_hash))`,
    'create index waiting_releases_household on waiting_releases (household_id)',
  ],
  ['alter table reports add column frozen_bytes bigint not null default 0'],
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
    // What is erased is overwritten, not only unlinked.
    database.pragma('secure_delete = ON')
    database.pragma('busy_timeout = 5000')
    return database
  } catch (cause) {
    throw new OwnlensError('hub.damaged', path, { cause })
  }
}
