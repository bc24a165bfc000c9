import type { RequestBody } from '../../protocol/registrar.ts'

/** Kinds of statements that somebody may hold on to. */
export type Kept = 'roster' | 'half' | 'claim' | 'reveal' | 'release' | 'reset' | 'block' | 'request'

/** Everything that was ever sent: the attacker holds it all. */
export class Archive {
  readonly #kept = new Map<Kept, string[]>()
  readonly successions: (readonly string[])[] = [[]]
  /** Texts of codes that somebody has photographed. */
  readonly codes: string[] = []

  of(kind: Kept): readonly string[] {
    return this.#kept.get(kind) ?? []
  }

  add(kind: Kept, jws: string): void {
    const kept = this.#kept.get(kind) ?? []
    if (!kept.includes(jws)) kept.push(jws)
    this.#kept.set(kind, kept)
  }

  /** Keeps what a request carries. */
  addBody(body: RequestBody): void {
    if ('roster' in body) this.add('roster', body.roster)
    if ('successions' in body && body.successions.length > 0) this.successions.push(body.successions)
    if ('half' in body) this.add('half', body.half)
    if ('claim' in body) this.add('claim', body.claim)
    if ('reveal' in body) this.add('reveal', body.reveal)
    if ('release' in body) this.add('release', body.release)
    if ('reset' in body) this.add('reset', body.reset)
    if ('block' in body) this.add('block', body.block)
  }
}
