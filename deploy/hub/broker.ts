import type { CertificateName } from '../../protocol/registrar.ts'

/** Called for every message on the hub's topics. Its promise, if any: the sender should wait before it sends more. */
export type MessageHandler = (topic: string, payload: Uint8Array) => Promise<void> | undefined | void

/** What the hub asks of a broker; embedded or apart. */
export interface Broker {
  /** `mqtts://host:port`, as clients are told. */
  readonly url: string
  /** Calls back for every message on the hub's own topics (`ownlens/1/#`). */
  onMessage(handler: MessageHandler): void
  publish(topic: string, payload: Uint8Array): Promise<void>
  /**
   * The registrar's certificates of these owners changed: new ones get in from now on, sessions under superseded ones end
   * before it returns. One call for each commit: what ends together ends side by side.
   */
  changed(owners: readonly string[]): Promise<void>
  /** Client ids of those who are connected, where the broker tells. */
  connected(): readonly string[]
  close(): Promise<void>
}

/** What a broker asks of the registrar. */
export interface Admission {
  /** The certificate with this serial number, if it counts now. */
  nameOf(serial: string): Promise<CertificateName | undefined>
}
