import { destination, type Logger, pino } from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Fields that never reach a log, wherever they stand. */
const SECRET = ['name', 'names', 'secret', 'passphrase', 'key', 'topic', 'invitation', 'words', 'code_text']

/** The one logger of a process: JSON lines on stderr, so that stdout stays free for what a command answers. */
export function makeLog(level: LogLevel, side: string): Logger {
  const paths = SECRET.flatMap(field => [field, `*.${field}`])
  return pino(
    {
      level,
      base: { side },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths, censor: '[redacted]' },
    },
    destination({ fd: 2, sync: true }),
  )
}
