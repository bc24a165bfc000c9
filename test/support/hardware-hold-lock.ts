import { lockFolder } from '../../storage/lock.ts'

// A process of its own that takes a data folder, says so, and keeps it until it is killed.
lockFolder(process.argv[2] ?? '')
process.stdout.write('taken\n')
setInterval(() => undefined, 60_000)
