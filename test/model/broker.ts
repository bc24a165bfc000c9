import { mayPublish, maySubscribe } from '../../deploy/hub/access.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import type { FaultName } from './faults.ts'
import type { Certificate, Hub } from './hub.ts'

/** Somebody who is connected. */
export interface Session {
  /** Who holds the certificate's key: a name of the model's, which the broker never sees. */
  readonly holder: string
  readonly certificate: Certificate
  readonly name: CertificateName
  readonly filters: Set<string>
}

/**
 * The broker without its wires: who may come in, publish and read is asked of the real registrar and the real table of
 * rights, and sessions end as in `aedes-broker.ts`.
 */
export class Broker {
  readonly #hub: Hub
  readonly #clock: () => number
  readonly sessions = new Set<Session>()
  readonly #fault: FaultName | undefined
  readonly #names = new Map<string, CertificateName>()

  constructor(hub: Hub, clock: () => number, fault?: FaultName) {
    this.#hub = hub
    this.#clock = clock
    this.#fault = fault
  }

  /** Undefined when it is refused. */
  async connect(holder: string, certificate: Certificate): Promise<Session | undefined> {
    const name = await this.#nameOf(certificate.serial)
    if (name === undefined) return undefined
    for (const other of this.sessions)
      if (other.certificate.commonName === certificate.commonName) this.sessions.delete(other)
    const session = { holder, certificate, name, filters: new Set<string>() }
    this.sessions.add(session)
    return session
  }

  async #nameOf(serial: string): Promise<CertificateName | undefined> {
    const name = await this.#hub.registrar.nameOf(serial)
    if (name !== undefined) this.#names.set(serial, name)
    return this.#fault === 'broker takes expired certificates' ? this.#names.get(serial) : name
  }

  subscribe(session: Session, filter: string): boolean {
    const granted = this.#fault === 'broker grants every filter' || maySubscribe(session.name, filter)
    if (granted) session.filters.add(filter)
    return granted
  }

  /** Who gets it; undefined when it is refused. */
  publish(session: Session, topic: string): readonly Session[] | undefined {
    if (!this.sessions.has(session) || !this.#mayPublish(session.name, topic)) return undefined
    return [...this.sessions].filter(({ filters }) => [...filters].some(filter => matches(filter, topic)))
  }

  #mayPublish(name: CertificateName, topic: string): boolean {
    if (this.#fault !== 'broker ignores the epoch' || name.kind === 'member') return mayPublish(name, topic)
    const epoch = Number(topic.split('/')[3])
    return mayPublish({ ...name, epoch }, topic)
  }

  /** Told by the registrar: sessions that lost their rights end. */
  async changed(owners: readonly string[]): Promise<void> {
    if (this.#fault === 'broker ends no session') return
    for (const session of this.sessions)
      if (
        owners.includes(session.name.id) &&
        (await this.#hub.registrar.nameOf(session.certificate.serial)) === undefined
      )
        this.sessions.delete(session)
  }

  /** Every second, on a real one. */
  sweep(): void {
    if (this.#fault === 'broker takes expired certificates') return
    for (const session of this.sessions)
      if (session.certificate.notAfter <= this.#clock()) this.sessions.delete(session)
  }

  endAll(): void {
    this.sessions.clear()
  }
}

/** MQTT 3.1.1 §4.7, as a broker routes. */
export function matches(filter: string, topic: string): boolean {
  const pattern = filter
    .split('/')
    .map(level =>
      level === '+' ? '[^/]*' : level === '#' ? '.*' : level.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('/')
  return new RegExp(`^${pattern}$`).test(topic)
}
