import type { Drill } from './drill.ts'
import { blockedInEveryState, restoredDatabase } from './drills/blocked.ts'
import { aroundTheRules, everythingToEverybody } from './drills/broker.ts'
import { copiedCard, leftAfterAReset } from './drills/card.ts'
import { copiedKeys } from './drills/clones.ts'
import { photographedCode } from './drills/code.ts'
import { mixedUpCache, oldBackup, registeredAnew, swappedHouseholds } from './drills/hub-lies.ts'
import { forgedLifts, oldOwnerBlocks } from './drills/owner-orders.ts'
import { afterATransfer, sameHomeAgain, soldOnWithoutRelease, twoAtOnce } from './drills/ownership.ts'
import { powerCuts } from './drills/power.ts'
import { rogueStation } from './drills/rogue-station.ts'
import { rootLostAndStolen } from './drills/root.ts'
import { twiceAtOneStation, twoOfflineStations } from './drills/serials.ts'
import { blockOfASharedSerial } from './drills/shared-serial.ts'
import { singleSigner } from './drills/single-signer.ts'
import { theStory, theStoryWithRepair } from './drills/story.ts'
import { wrongClocks } from './drills/time.ts'
import { twoStories } from './drills/two-stories.ts'
import { unansweredReport } from './drills/unanswered.ts'

/** Every drill, in the order of its number. */
export const DRILLS: readonly Drill[] = [
  ...[twiceAtOneStation, twoOfflineStations, theStory, theStoryWithRepair],
  ...[sameHomeAgain, soldOnWithoutRelease, afterATransfer, twoAtOnce],
  ...[everythingToEverybody, swappedHouseholds, mixedUpCache, registeredAnew],
  ...[wrongClocks, powerCuts, aroundTheRules, photographedCode, copiedCard],
  ...[leftAfterAReset, oldBackup, rootLostAndStolen],
  ...[blockedInEveryState, blockOfASharedSerial, forgedLifts, oldOwnerBlocks, singleSigner, copiedKeys],
  ...[twoStories, rogueStation, restoredDatabase, unansweredReport],
]
