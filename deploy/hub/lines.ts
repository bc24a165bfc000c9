/**
 * What a device's requests for certificates say about its key: is this one board, a card restored from its backup, or two
 * boards with one key? Pure: histories and requests in, verdicts and histories out.
 *
 * A board saves its counter before it sends, so that numbers may be skipped and are never used twice; its boot nonce is made
 * anew at every start. A used counter is therefore a card set back, or a forked line: its owner is asked, and until then nothing
 * of this key is online. So whoever was online comes back at once, and a boot that comes again after another one was there is
 * a board that ran all the time beside another: a clone, whatever the counters say.
 */
export interface History {
  /** The highest counter that got a certificate; 0 when whatever comes next begins a new line. */
  readonly counter: number
  /** SHA-256 of the certificate request that came with it. */
  readonly request: string
  /** Boots that were seen, oldest first, at most `BOOTS_MAX`. */
  readonly boots: readonly string[]
  readonly state: 'good' | 'held' | 'cloned'
}

/** What a device asks with: its statement holds, and it was made after every one that was judged before. */
export interface Asked {
  readonly counter: number
  readonly request: string
  readonly boot: string
}

/** `retry`: the answer was lost; `held`: until the owner confirms; `cloned`: for good, only a new key helps. The last two end all. */
export type Verdict = 'retry' | 'fresh' | 'held' | 'cloned'

/** A board that has been running through so many starts of its double looks new; the double then is the one that comes again. */
export const BOOTS_MAX = 32

export const UNSEEN: History = { counter: 0, request: '', boots: [], state: 'good' }

/** The rule (PROTOCOL 5.4). */
export function judge(history: History, asked: Asked): { readonly verdict: Verdict; readonly next: History } {
  if (history.state === 'cloned') return { verdict: 'cloned', next: history }
  const seen = history.boots.indexOf(asked.boot)
  const isNewest = seen === history.boots.length - 1
  if (seen >= 0 && !isNewest) return { verdict: 'cloned', next: { ...history, state: 'cloned' } }
  const boots = seen >= 0 ? history.boots : [...history.boots, asked.boot].slice(-BOOTS_MAX)
  const { counter, request } = asked
  const held = { verdict: 'held', next: { ...history, boots, state: 'held' } } as const
  // What was given before counts no more: not even a lost answer is said again.
  if (history.state === 'held') return held
  if (counter === history.counter && request === history.request)
    return { verdict: 'retry', next: { ...history, boots } }
  if (counter <= history.counter) return held
  return { verdict: 'fresh', next: { counter, request, boots, state: 'good' } }
}

/** A line of its own from here on: the owner has confirmed, or there is a new claim. Boots stay, and so does a clone. */
export function begin(history: History): History {
  return history.state === 'cloned' ? history : { ...UNSEEN, boots: history.boots }
}
