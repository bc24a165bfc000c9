import { rosterKind } from '../../protocol/roster.ts'
import { makeStatement, readStatement } from '../../protocol/statement.ts'
import { pair, refusalOf } from '../acts.ts'
import { halvesFor } from '../device-key.ts'
import type { Drill } from '../drill.ts'

export const rootLostAndStolen: Drill = {
  number: 20,
  name: 'the root lost, the root stolen',
  says: 'The founding machine is gone with the root key. The words restore the home elsewhere; then the thief tries the key.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, thief] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Thief')]
    const hall = stage.camera('Hall', 'collins')
    await pair(stage, a, hall)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const { root: stolen, household: old } = a
    await a.recover(hub)
    report.do('Home A is restored on another machine by its 24 words: a new root, a new member')
    report.expect(await stage.watch(a, hall), 'Home A sees its camera from the new machine')

    const { payload } = await readStatement(rosterKind, old.roster.jws, stolen.id)
    const roster = await makeStatement(
      rosterKind,
      {
        ...payload,
        number: payload.number + 1,
        prev: old.roster.sha256,
        members: [...payload.members, await thief.asMemberOf(a.id)],
      },
      stolen,
    )
    const asked = await refusalOf(
      thief,
      old.hub.request(a.id, { action: 'roster', roster, successions: [] }, stolen),
    )
    report.do(`the thief names himself a member with the old root: ${asked ?? 'TAKEN'}`)
    report.expect(asked !== undefined, 'the registrar took a roster of the replaced root')
    const [forged] = await halvesFor(hall, [{ id: a.id, household: old, root: stolen }])
    const claimed = await refusalOf(
      thief,
      old.hub.request(a.id, { action: 'claim', claim: forged?.claim ?? '' }, stolen),
    )
    report.do(`the thief claims a camera with the old root: ${claimed ?? 'TAKEN'}`)
    report.expect(claimed !== undefined, 'the registrar took a claim of the replaced root')
    const member = await refusalOf(thief, old.enrol())
    report.do(`the machine that was stolen asks for a certificate: ${member ?? 'GIVEN'}`)
    report.expect(member === 'enrol.member', `the stolen machine’s certificate: ${member ?? 'given'}`)
    thief.spy.addKeys(old.identities)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A goes on seeing its camera')
  },
}
