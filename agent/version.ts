/** The agent's version, as its status says it. */
export const VERSION = '0.1.0'
