import { PROMISES, type Promised } from '../../test/support/cuts/all.ts'
import { cameraPromises, homePromises } from '../../test/support/cuts/lives.ts'
import { Desk } from '../../test/support/registrar-desk.ts'
import { startTestHub } from '../../test/support/test-hub.ts'
import type { Drill } from '../drill.ts'
import type { Report } from '../report.ts'

export const powerCuts: Drill = {
  number: 14,
  name: 'the power cut at every step',
  says: 'Of pairing, repair, reset, rotation and all that is kept: the power goes at each write, rename and sync, with what may then be lost.',
  async play({ report }) {
    const desk = await Desk.open()
    const hub = await startTestHub()
    try {
      let cuts = 0
      for (const promised of [...cameraPromises(desk), ...homePromises(hub), ...PROMISES])
        cuts += await keep(promised, report)
      report.do(`${cuts} cuts in all`)
      report.expect(cuts > 0, 'nothing was cut')
    } finally {
      await hub.close()
      await desk.close()
    }
  },
}

async function keep({ says, cut }: Promised, report: Report): Promise<number> {
  try {
    const cuts = await cut()
    report.do(`${says}: ${cuts} cuts`)
    return cuts
  } catch (error) {
    report.expect(false, `${says}: ${(error as Error).message}`)
    return 0
  }
}
