/** The agent's version, as its status says it. */
export const VERSION = '0.1.0'

/** This version was made after this moment, in milliseconds since 1970: a clock before it is wrong. */
export const BUILT = Date.UTC(2026, 10, 1)
