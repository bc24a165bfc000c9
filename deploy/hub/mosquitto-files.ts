import { userInfo } from 'node:os'
import { join } from 'node:path'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { readCertificateUri } from '../../protocol/registrar.ts'
import { type Disk, replaceFile } from '../../storage/disk.ts'
import { rightsOf } from './access.ts'
import type { Authority } from './authority.ts'
import type { Tables } from './database.ts'

export type Row = Tables['certificates']

const MIB = 1024 ** 2

/** The files that mosquitto reads, in one folder. */
export class MosquittoFiles {
  readonly #disk: Disk
  readonly #folder: string
  readonly #authority: Authority

  constructor(disk: Disk, folder: string, authority: Authority) {
    this.#disk = disk
    this.#folder = folder
    this.#authority = authority
  }

  get configuration(): string {
    return this.#at('mosquitto.conf')
  }

  /** What stays the same while it runs. */
  async writeConfiguration(host: string, port: number): Promise<void> {
    const { tls, trustPem } = this.#authority
    await this.#disk.makeFolder(this.#folder)
    await this.#write('ca.pem', trustPem)
    await this.#write('server.pem', tls.certificate)
    await this.#write('server.key', tls.key)
    await this.#write(
      'mosquitto.conf',
      configurationText(host, port, name => this.#at(name)),
    )
  }

  /**
   * What counts now. The CRL first: nobody may come in under an old certificate with new rights.
   *
   * @returns the certificates that count no more.
   */
  async writeRights(rows: readonly Row[], now: number): Promise<readonly Row[]> {
    const over = new Set(rows.filter(row => row.superseded_at !== null || Date.parse(row.not_after) <= now))
    const revoked = [...over].map(row => ({
      serial: row.serial,
      at: new Date(row.superseded_at ?? row.not_after),
    }))
    await this.#write('crl.pem', await this.#authority.crl(revoked))
    await this.#write('acl', aclText(rows.filter(row => !over.has(row))))
    return [...over]
  }

  #at(name: string): string {
    return join(this.#folder, name)
  }

  async #write(name: string, text: string): Promise<void> {
    await replaceFile(this.#disk, this.#at(name), text)
  }
}

/** One block of lines for each certificate, out of the same table that the embedded broker asks. */
export function aclText(rows: readonly Pick<Row, 'common_name' | 'uri'>[]): string {
  const hub = ['user hub', 'topic readwrite ownlens/1/#']
  const blocks = rows.flatMap(({ common_name, uri }) => {
    const name = readCertificateUri(uri)
    if (name === undefined) return []
    const { write, read } = rightsOf(name)
    return [
      '',
      `user ${common_name}`,
      ...write.map(filter => `topic write ${filter}`),
      ...read.map(filter => `topic read ${filter}`),
    ]
  })
  return `${[...hub, ...blocks].join('\n')}\n`
}

function configurationText(host: string, port: number, at: (name: string) => string): string {
  return `${[
    // Started by root it would become another user, who may not read its keys.
    `user ${userInfo().username}`,
    'per_listener_settings false',
    `listener ${port} ${host}`,
    `cafile ${at('ca.pem')}`,
    `certfile ${at('server.pem')}`,
    `keyfile ${at('server.key')}`,
    `crlfile ${at('crl.pem')}`,
    'tls_version tlsv1.3',
    'require_certificate true',
    'use_identity_as_username true',
    'use_username_as_clientid true',
    'allow_anonymous false',
    `acl_file ${at('acl')}`,
    'persistence false',
    'retain_available false',
    'sys_interval 0',
    // Larger messages are acknowledged and dropped, larger packets end the connection.
    `message_size_limit ${MESSAGE_MAX}`,
    `max_packet_size ${MESSAGE_MAX + 1024}`,
    'max_queued_messages 1000',
    `max_queued_bytes ${32 * MIB}`,
    'max_inflight_messages 64',
    `memory_limit ${1024 * MIB}`,
    'persistent_client_expiration 1h',
    'max_keepalive 120',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    'log_type information',
    'connection_messages false',
  ].join('\n')}\n`
}
