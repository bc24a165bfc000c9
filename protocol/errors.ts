/** What one error code means. `retry`: the same thing may work later without anybody doing anything. */
interface ErrorMeaning {
  readonly says: string
  readonly todo: string
  readonly retry: boolean
}

/**
 * The one table of error codes. A code is `part.cause`. `says` is what happened, `todo` what the person should do.
 * PROTOCOL.md lists the codes that cross the wire.
 */
export const errorTable = {
  // --- data folders and settings ---------------------------------------------------------------------------------
  'data.in_use': {
    says: 'Another process uses this data folder.',
    todo: 'Stop the other one, or give this one a folder of its own with `--data`.',
    retry: true,
  },
  'config.invalid': {
    says: 'The settings have mistakes.',
    todo: 'Mend the fields that are named; `ownlens agent --help` says where each is described.',
    retry: false,
  },
  'household.damaged': {
    says: 'What this camera knows of its household does not hold together.',
    todo: 'Restore the data folder, or reset the camera and pair it again.',
    retry: false,
  },
  'sequence.damaged': {
    says: 'The file with the clips’ numbers is damaged.',
    todo: 'Restore it, or reset the camera and pair it again: a number must never be used twice.',
    retry: false,
  },
  'epoch.damaged': {
    says: 'The file with the camera’s newest epoch is damaged.',
    todo: 'Write the highest epoch that `ownlens home list` ever showed for this camera into it.',
    retry: false,
  },
  'enrol.counter': {
    says: 'The file with the enrolment counter is damaged.',
    todo: 'Restore it, or reset the camera and pair it again.',
    retry: false,
  },
  'outbox.full': {
    says: 'The outbox is full with the clip that is being recorded.',
    todo: 'Give it more room with `outbox.maxBytes`, or bring the hub back.',
    retry: true,
  },
  'outbox.disk': {
    says: 'A sealed part could not be written.',
    todo: 'Make room on the disk, or check the card.',
    retry: true,
  },
  'ack.device': {
    says: 'An acknowledgement for another camera.',
    todo: 'Nothing to do; it was not taken. Check the hub if it goes on.',
    retry: false,
  },
  'ack.other': {
    says: 'An acknowledgement of other bytes, or of a part that nobody waits for.',
    todo: 'Nothing to do: late ones come after a lost connection. Check the hub if it goes on.',
    retry: false,
  },
  'ack.missing': {
    says: 'The store did not acknowledge a part.',
    todo: 'The camera tries again by itself. If it goes on, look at the hub’s disk and log.',
    retry: true,
  },
  // --- camera and microphone -------------------------------------------------------------------------------------
  'camera.absent': {
    says: 'There is no such camera.',
    todo: 'Plug the camera in, then see what is there with `ownlens agent --list`.',
    retry: true,
  },
  'camera.source': {
    says: 'This is not a source of pictures that can be opened.',
    todo: 'Use /dev/videoN, rtsp://…, a file, lavfi:GRAPH or scene.',
    retry: false,
  },
  'camera.file': { says: 'There is no such file.', todo: 'Check the path behind `--camera`.', retry: false },
  'camera.no_video': {
    says: 'There is no video in this source.',
    todo: 'Choose a file or stream with video; sound alone is not recorded.',
    retry: false,
  },
  'camera.busy': {
    says: 'Another program uses the camera.',
    todo: 'Stop the other program; `fuser -v /dev/video*` names it.',
    retry: true,
  },
  'camera.size': {
    says: 'The camera does not offer this size.',
    todo: 'Set `video.width` and `video.height` to one that `ownlens agent --list` names.',
    retry: false,
  },
  'camera.not_capture': {
    says: 'This device does not capture video; it may be the camera’s metadata node.',
    todo: 'Use the device that `ownlens agent --list` names.',
    retry: false,
  },
  'camera.ribbon': {
    says: 'This is a ribbon camera: it delivers raw sensor data.',
    todo: 'Let libcamera develop it: run `rpicam-vid -t 0 --inline -o - | ffmpeg -i - -c copy -f rtsp …` to a local RTSP server and use `--camera rtsp://…`, or start the agent under `libcamerify`.',
    retry: false,
  },
  'camera.permission': {
    says: 'The camera may not be opened.',
    todo: 'Add the user that runs the agent to the group `video`.',
    retry: false,
  },
  'camera.password': {
    says: 'The camera refuses the user or password.',
    todo: 'Write them into the address: rtsp://user:password@host/…',
    retry: false,
  },
  'camera.unreachable': {
    says: 'The network camera does not answer.',
    todo: 'Check its address and that it is switched on.',
    retry: true,
  },
  'camera.lost': {
    says: 'The camera stopped delivering.',
    todo: 'Check plug and cable. The agent tries again by itself.',
    retry: true,
  },
  'camera.silent': {
    says: 'The camera is there but delivers no pictures.',
    todo: 'Plug it in anew. The agent tries again by itself.',
    retry: true,
  },
  'camera.keys': {
    says: 'The camera sends key pictures too seldom to be passed through.',
    todo: 'Nothing to do: the agent decodes it instead. Set its key interval to two seconds or less to save work.',
    retry: true,
  },
  'microphone.absent': {
    says: 'There is no such microphone.',
    todo: 'See what is there with `ownlens agent --list`, or set `microphone` to none.',
    retry: true,
  },
  'microphone.busy': {
    says: 'Another program uses the microphone.',
    todo: 'Stop the other program, or set `microphone` to none.',
    retry: true,
  },
  'alsa.absent': {
    says: 'The command arecord is missing.',
    todo: 'Install it: apt install alsa-utils; or set `microphone` to none.',
    retry: false,
  },
  'v4l2.absent': {
    says: 'The command v4l2-ctl is missing.',
    todo: 'Install it: apt install v4l-utils',
    retry: false,
  },
  'ffmpeg.absent': {
    says: 'The command ffmpeg is missing.',
    todo: 'Install it: apt install ffmpeg',
    retry: false,
  },
  'ffmpeg.failed': {
    says: 'ffmpeg could not be started.',
    todo: 'Run `ffmpeg -version`; install it anew if that fails.',
    retry: true,
  },
  'encoder.failed': {
    says: 'The encoder failed.',
    todo: 'The clip is kept as far as it came. If it goes on, look at the log.',
    retry: true,
  },
  'fmp4.malformed': {
    says: 'This is not the fragmented MP4 that was expected.',
    todo: 'Fetch it again; if the camera made it, look at the agent’s log.',
    retry: false,
  },
  'keystore.damaged': {
    says: 'The device’s key file is damaged.',
    todo: 'Restore it from the same board’s backup. If that cannot be done, reset with a new key.',
    retry: false,
  },
  'keystore.locked': {
    says: 'The device’s key may not be read.',
    todo: 'Run the agent as the user that owns the data folder.',
    retry: false,
  },
  'lens.failed': {
    says: 'The reader of pairing codes failed.',
    todo: 'Restart the agent. If it happens again, install the packages again with `npm ci`.',
    retry: true,
  },
  // --- statements (PROTOCOL 2) -----------------------------------------------------------------------------------
  'statement.size': {
    says: 'A signed statement is larger than its kind allows.',
    todo: 'Ask whoever sent it to send it again; a well-behaved app or camera does not make such a thing.',
    retry: false,
  },
  'statement.kind': {
    says: 'This is not the kind of statement that belongs here.',
    todo: 'Check that the right file or message was given.',
    retry: false,
  },
  'statement.version': {
    says: 'This statement was made by another version.',
    todo: 'Bring the app, the hub and the camera to the same version.',
    retry: false,
  },
  'statement.signature': {
    says: 'The signature does not hold: it was damaged or changed on its way.',
    todo: 'Fetch it again. If that does not help, do not trust where it came from.',
    retry: false,
  },
  'statement.signer': {
    says: 'The signature is by another key than the one that must have signed this.',
    todo: 'Do not trust where it came from.',
    retry: false,
  },
  'statement.form': {
    says: 'A statement lacks a field, or has one too many or of the wrong form.',
    todo: 'Bring the app, the hub and the camera to the same version.',
    retry: false,
  },
  // --- rosters and claims (PROTOCOL 3, 4) ------------------------------------------------------------------------
  'roster.household': {
    says: 'This roster is of another household.',
    todo: 'Nothing was changed. Check which hub was asked.',
    retry: false,
  },
  'roster.old': {
    says: 'This roster is older than the one held.',
    todo: 'Nothing was changed; the newer one stays.',
    retry: false,
  },
  'roster.chain': {
    says: 'This roster does not follow the one held.',
    todo: 'Nothing was changed. Publish the household’s roster again from the app that holds the root.',
    retry: false,
  },
  'roster.generation': {
    says: 'The root that signed this roster is not the household’s current one.',
    todo: 'Nothing was changed. Publish the successions with the roster.',
    retry: false,
  },
  'roster.member': {
    says: 'A member’s recipient in this roster is not the member’s own.',
    todo: 'Nothing was changed. Add the member again.',
    retry: false,
  },
  'roster.suite': {
    says: 'A member cannot read the suite that this household demands.',
    todo: 'Update that member’s app, or lower the household’s minimum suite with the root key.',
    retry: false,
  },
  'claim.household': {
    says: 'This claim is of another household.',
    todo: 'Nothing was changed. Pair the camera again from the app of its home.',
    retry: false,
  },
  'claim.half': {
    says: 'The camera’s half of the claim does not belong to this invitation.',
    todo: 'Start pairing again; the invitation is used up.',
    retry: false,
  },
  'claim.epoch': {
    says: 'The camera has had a newer owner or was set up anew since.',
    todo: 'Pair the camera again.',
    retry: false,
  },
  'claim.leap': {
    says: 'The hub names an epoch that this camera cannot have reached.',
    todo: 'Nothing was changed. Pair the camera at another hub, or restore this one from its backup.',
    retry: false,
  },
  'invitation.form': {
    says: 'This is not an Ownlens invitation.',
    todo: 'Show the code that `ownlens home pair` prints.',
    retry: false,
  },
  'invitation.host': {
    says: 'The hub’s address has characters that a code for cameras cannot carry.',
    todo: 'Give the hub a host name of letters, digits, hyphens and dots.',
    retry: false,
  },
  'invitation.size': {
    says: 'The invitation would be too long for a camera to read.',
    todo: 'Give the hub a shorter host name.',
    retry: false,
  },
  // --- sealing and clips (PROTOCOL 6) ----------------------------------------------------------------------------
  'seal.recipients': {
    says: 'There is nobody to seal to, or their suites are mixed.',
    todo: 'Publish a roster whose members all read one suite.',
    retry: false,
  },
  'seal.closed': {
    says: 'None of your keys opens this.',
    todo: 'It was sealed before you were a member, or for another home.',
    retry: false,
  },
  'seal.damaged': { says: 'The sealed file is damaged or cut short.', todo: 'Fetch it again.', retry: false },
  'part.size': {
    says: 'A part of a clip is larger than a message may be.',
    todo: 'Nothing to do; it was not taken.',
    retry: false,
  },
  'part.frame': {
    says: 'A part of a clip does not have the right frame.',
    todo: 'Nothing to do; it was not taken.',
    retry: false,
  },
  'part.hash': {
    says: 'A part of a clip was damaged on its way.',
    todo: 'It will be sent again.',
    retry: true,
  },
  // --- reaching the hub ------------------------------------------------------------------------------------------
  'hub.unreachable': {
    says: 'The hub does not answer.',
    todo: 'Check that the hub runs and that this machine reaches it. Recording goes on; everything is sent later.',
    retry: true,
  },
  'hub.ca': {
    says: 'What answers there is not the hub that was pinned.',
    todo: 'Check the address. If the hub was set up anew, take its new address from what `ownlens hub` prints.',
    retry: false,
  },
  'hub.answer': {
    says: 'The hub’s answer makes no sense.',
    todo: 'Bring the hub and this side to the same version.',
    retry: true,
  },
  'enrol.answer': {
    says: 'The hub’s certificate is not the one that was asked for.',
    todo: 'Check the hub; nothing was changed.',
    retry: true,
  },
  'broker.refused': {
    says: 'The broker refused this certificate.',
    todo: 'The camera asks for a new certificate by itself. If it goes on, look at the hub’s log.',
    retry: true,
  },
  // --- the hub ---------------------------------------------------------------------------------------------------
  'hub.damaged': {
    says: 'A file of the hub is missing or damaged.',
    todo: 'Restore the hub’s data folder from its backup.',
    retry: false,
  },
  'hub.code': {
    says: 'The registration code is wrong or was used before.',
    todo: 'Take the code that the hub prints; `ownlens hub --new-code` prints a fresh one.',
    retry: false,
  },
  'hub.nonce': { says: 'The nonce is unknown, too old or was used before.', todo: 'Try again.', retry: true },
  'hub.busy': { says: 'Too many requests from this address.', todo: 'Wait a minute.', retry: true },
  'hub.household': {
    says: 'This hub does not know the household, or it is not yours.',
    todo: 'Register the household at this hub with `ownlens home init`.',
    retry: false,
  },
  'hub.forbidden': {
    says: 'This certificate does not allow that.',
    todo: 'Only members and cameras of a household reach what is its own.',
    retry: false,
  },
  'hub.request': {
    says: 'The request is not one that the hub knows.',
    todo: 'Bring the hub and this side to the same version.',
    retry: false,
  },
  'hub.limit': {
    says: 'This household has as much as the hub keeps for one.',
    todo: 'Ask whoever runs the hub.',
    retry: false,
  },
  'hub.failed': {
    says: 'Something went wrong inside the hub.',
    todo: 'Try again in a minute. If it goes on, look at the hub’s log and at the room on its disk.',
    retry: true,
  },
  'hub.port': {
    says: 'The hub cannot listen at this address and port.',
    todo: 'Stop what listens there, or choose others with `--host`, `--port` and `--mqtt-port`.',
    retry: true,
  },
  'enrol.csr': {
    says: 'The certificate request is not one that can be signed.',
    todo: 'It must be PKCS#10 with a P-256 key, signed by that key.',
    retry: false,
  },
  'enrol.statement': {
    says: 'The statement does not belong to this certificate request.',
    todo: 'Sign a new statement over the key of this request.',
    retry: false,
  },
  'enrol.claim': {
    says: 'There is no claim for this camera, household and epoch.',
    todo: 'Pair the camera.',
    retry: false,
  },
  'enrol.held': {
    says: 'This device key was seen with a counter that was used before.',
    todo: 'If the card was restored from a backup, confirm it in the app; else reset the camera to a new key.',
    retry: false,
  },
  'enrol.member': {
    says: 'The household’s roster does not name this member.',
    todo: 'Ask the founding member to add you.',
    retry: false,
  },
  'broker.failed': {
    says: 'The broker could not be started.',
    todo: 'Look at the hub’s log.',
    retry: true,
  },
  'broker.absent': {
    says: 'The program mosquitto is missing.',
    todo: 'Install it: apt install mosquitto; or leave `--broker` out to use the embedded broker.',
    retry: false,
  },
  'store.part': {
    says: 'A part’s name and its frame do not agree.',
    todo: 'Nothing to do; it was not taken.',
    retry: false,
  },
  'store.conflict': {
    says: 'Another part of this name is stored already.',
    todo: 'Nothing to do; the first one stays.',
    retry: false,
  },
  'store.full': {
    says: 'The household’s share of the store is full.',
    todo: 'Start the hub with a larger `--store-gib`, or move clips out of its data folder while it is stopped.',
    retry: true,
  },
  'store.limit': {
    says: 'The clip has more parts than a clip may have.',
    todo: 'Nothing to do; it was not taken.',
    retry: false,
  },
  'store.busy': {
    says: 'More parts came at once than the store keeps in memory.',
    todo: 'The camera sends them again by itself.',
    retry: true,
  },
  'store.disk': {
    says: 'A part could not be written to the hub’s disk.',
    todo: 'Make room on the hub’s disk, or check it. The cameras keep what was not taken and send it again.',
    retry: true,
  },
  'store.claim': {
    says: 'A clip from a camera whose claim the hub does not know.',
    todo: 'Pair the camera again.',
    retry: false,
  },
  'store.absent': { says: 'There is no such clip or part.', todo: 'List the clips anew.', retry: false },
  // --- the household's side --------------------------------------------------------------------------------------
  'home.exists': {
    says: 'There is a household in this folder already.',
    todo: 'Use it, or give another folder with `--data`.',
    retry: false,
  },
  'home.absent': {
    says: 'There is no household in this folder.',
    todo: 'Make one with `ownlens home init`, or name its folder with `--data`.',
    retry: false,
  },
  'home.damaged': {
    says: 'A file of the household is damaged.',
    todo: 'Restore the folder from its backup; clips and cameras are not touched.',
    retry: false,
  },
  'home.no_root': {
    says: 'The household’s root key is not on this machine.',
    todo: 'Do this on the founding member’s machine.',
    retry: false,
  },
  'home.passphrase': {
    says: 'The passphrase does not open the root key.',
    todo: 'Try again; mind capital letters and keyboard layout.',
    retry: false,
  },
  'home.passphrase_needed': {
    says: 'The root key’s passphrase is needed, and nobody can be asked for it here.',
    todo: 'Run the command at a terminal, or give `--passphrase-file FILE`.',
    retry: false,
  },
  'home.passphrase_file': {
    says: 'The file with the passphrase cannot be read.',
    todo: 'Check the path behind `--passphrase-file`; the passphrase is its first line.',
    retry: false,
  },
  'home.passphrase_differs': {
    says: 'The two passphrases differ.',
    todo: 'Nothing was made. Run the command again.',
    retry: false,
  },
  'home.hub': {
    says: 'This is not a hub’s address with its fingerprint.',
    todo: 'Copy what `ownlens hub` printed: https://host:port#fingerprint',
    retry: false,
  },
  'home.member': {
    says: 'This does not name exactly one member who can be taken out.',
    todo: 'See `ownlens home members list`; the last member stays.',
    retry: false,
  },
  'home.member_file': {
    says: 'This is not a file of an invitation or an answer to one.',
    todo: 'Make it anew with `ownlens home members invite` or `ownlens home members join`.',
    retry: false,
  },
  'home.nothing': {
    says: 'There is no such clip.',
    todo: 'See `ownlens home list`.',
    retry: false,
  },
  'home.words': {
    says: 'These are not 24 recovery words.',
    todo: 'Check them one by one; each is an English word from the list of BIP 39.',
    retry: false,
  },
  'pair.no_half': {
    says: 'No camera has introduced itself in this folder.',
    todo: 'Start the agent first; an unpaired one with an emulated camera writes `pair/half.jws` into its data folder.',
    retry: true,
  },
  'pair.lens': {
    says: 'A real camera pairs through its lens, and this version does not read codes yet.',
    todo: 'Use an emulated camera (a file, lavfi:GRAPH or scene), or see it work in `ownlens demo --camera …`.',
    retry: false,
  },
  'pair.silent': {
    says: 'The camera does not answer the invitation.',
    todo: 'Is the agent running, unpaired, and with an emulated camera? A real one pairs through its lens.',
    retry: true,
  },
  'clip.envelope': {
    says: 'A sealed statement belongs to another clip, camera, epoch or home.',
    todo: 'It was not opened. Check where the clip came from.',
    retry: false,
  },
  'clip.claim': {
    says: 'No claim of this household covers the camera and epoch of this clip.',
    todo: 'It was not opened. If the camera is yours, pair it again.',
    retry: false,
  },
  'clip.counter': {
    says: 'Another clip bears this clip’s number.',
    todo: 'It was not opened: one of the two was replayed or forged. Report it.',
    retry: false,
  },
  'clip.chain': {
    says: 'The manifests of this camera do not chain.',
    todo: 'It was not opened: something was left out or forged. Report it.',
    retry: false,
  },
  'clip.hash': {
    says: 'The clip is not the one that its camera signed.',
    todo: 'It was not opened. Fetch it again.',
    retry: true,
  },
  'clip.incomplete': {
    says: 'The clip is not whole yet.',
    todo: 'Wait until the camera has sent the rest.',
    retry: true,
  },
  'clip.unproven': {
    says: 'The clip was cut short before anything of it could be proven.',
    todo: 'Nothing of it can be shown.',
    retry: false,
  },
  'clip.frames': {
    says: 'A part of the clip is missing or stands in the wrong place.',
    todo: 'Fetch it again.',
    retry: true,
  },
  'message.replayed': {
    says: 'A message that came before came again.',
    todo: 'It was dropped.',
    retry: false,
  },
  // --- models ----------------------------------------------------------------------------------------------------
  'models.weights': {
    says: 'A model file is missing or is not the one that this version was built with.',
    todo: 'Install the packages again with `npm ci`.',
    retry: false,
  },
  'models.runtime': {
    says: 'The face detector failed.',
    todo: 'Restart the agent. If it happens again, choose the other runtime with `detector.runtime`.',
    retry: true,
  },
  'eval.folder': {
    says: 'There is no such folder of labelled pictures.',
    todo: 'Name a folder that holds pictures and their labels: `ownlens eval FOLDER`.',
    retry: false,
  },
  'eval.labels': {
    says: 'There are no labels in this folder.',
    todo: 'Put a dlib image metadata file (NAME.xml, as dlib’s imglab writes it) beside the pictures.',
    retry: false,
  },
  'eval.xml': {
    says: 'This is not a file of labels that can be read.',
    todo: 'It must be dlib image metadata: <dataset><images><image file="…"><box top="…" left="…" width="…" height="…"/>.',
    retry: false,
  },
  'eval.image': {
    says: 'A labelled picture is missing or cannot be read.',
    todo: 'Put it where the label file says, in a format that ffmpeg decodes, or take it out of the labels.',
    retry: false,
  },
} as const satisfies Record<string, ErrorMeaning>

export type ErrorCode = keyof typeof errorTable

/** An expected failure with a code, what happened and what to do. `detail` names the thing, never a secret. */
export class OwnlensError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined

  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    const { says } = errorTable[code]
    super(detail === undefined ? says : `${says} (${detail})`, options)
    this.name = 'OwnlensError'
    this.code = code
    this.detail = detail
  }

  get todo(): string {
    return errorTable[this.code].todo
  }

  get retry(): boolean {
    return errorTable[this.code].retry
  }
}

/** The code of anything that was thrown; `undefined` for what nobody expected. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof OwnlensError ? error.code : undefined
}
