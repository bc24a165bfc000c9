import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Authority } from '../../deploy/hub/authority.ts'
import { mosquittoBroker } from '../../deploy/hub/mosquitto-broker.ts'
import type { Row } from '../../deploy/hub/mosquitto-files.ts'
import { idOfKey } from '../../protocol/ids.ts'
import { certificateUri } from '../../protocol/registrar.ts'
import { disk } from '../../storage/disk.ts'
import { temporaryFolder } from '../support/places.ts'

const CERTIFICATES = 2000
const CHANGES = 20

const newId = () => idOfKey(randomBytes(91))

function certificate(index: number): Row {
  const name = { kind: 'device', householdId: newId(), epoch: 1, id: newId() } as const
  return {
    ...{ serial: `01${index.toString(16).padStart(8, '0')}`, common_name: name.id, owner: name.id },
    ...{ uri: certificateUri(name), superseded_at: null },
    not_after: new Date(Date.now() + 3_600_000).toISOString(),
  }
}

test('changes that come while mosquitto reads its files are not forgotten, and it is not started again for them', async () => {
  const { path: folder, remove } = await temporaryFolder()
  const rows = Array.from({ length: CERTIFICATES }, (_, index) => certificate(index))
  const errors: unknown[] = []
  const broker = await mosquittoBroker({
    ...{ disk, folder: join(folder, 'mosquitto'), host: '127.0.0.1', port: 0, publicHost: '127.0.0.1' },
    authority: await Authority.open(disk, folder, ['127.0.0.1'], { now: new Date() }),
    certificates: async () => rows,
    log: pino({ level: 'error' }, { write: line => void errors.push(JSON.parse(line)) }),
    take: () => undefined,
  })
  try {
    for (let change = 0; change < CHANGES; change++) {
      // A session that has to end would make the broker wait: here is none.
      const one = certificate(CERTIFICATES + change)
      rows.push(one)
      await broker.changed([one.owner])
    }
    expect(errors).toEqual([])
  } finally {
    await broker.close()
    await remove()
  }
})
