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
    todo: 'Press its button and show it a code of `ownlens home repair`. If its home is lost, reset it: hold the button for ten seconds.',
    retry: false,
  },
  'sequence.damaged': {
    says: 'The file with the clips’ numbers is damaged.',
    todo: 'Press the camera’s button and show it a code of `ownlens home repair`: numbers begin anew in a new epoch.',
    retry: false,
  },
  'epoch.damaged': {
    says: 'The file with the camera’s newest epoch is damaged.',
    todo: 'Write the highest epoch that `ownlens home list` ever showed for this camera into it.',
    retry: false,
  },
  'enrol.counter': {
    says: 'The file with the enrolment counter is damaged.',
    todo: 'Restore it, or pair the camera again: the counter begins anew with a new epoch.',
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
  'camera.private': {
    says: 'The camera is in privacy mode: it sees and hears nothing.',
    todo: 'Whoever is at the camera switches it off with `ownlens privacy off`.',
    retry: true,
  },
  'camera.switched': {
    says: 'A switch of the camera was used: it is opened anew.',
    todo: 'Nothing to do.',
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
  'keystore.board': {
    says: 'The board does not say which one it is, so that a copied card could not be told from its own.',
    todo: 'Start the agent again, as the user that started it before. If it goes on, set the data folder aside and pair anew.',
    retry: true,
  },
  'keystore.aside': {
    says: 'The card was copied from another board, and what it held could not be set aside.',
    todo: 'Make room on the card or check it; or give the agent an empty folder with `--data`.',
    retry: true,
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
  'claim.owned': {
    says: 'The camera belongs to another home.',
    todo: 'If it is yours, pair it with the home that has it: `ownlens home repair` there; clips and names stay. Else ask its owner to release it (`ownlens home release`). Without the owner: hold its button for ten seconds; 72 hours after that reset it is free.',
    retry: false,
  },
  'claim.no_reset': {
    says: 'There is no reset of this camera to object to, or it was objected to before.',
    todo: 'See `ownlens home cameras`. A stolen camera can be blocked; one that is given away can be released.',
    retry: false,
  },
  'claim.blocked': {
    says: 'The camera is blocked.',
    todo: 'Its owner or maker blocked it. Ask where you got it from; do not use it.',
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
  'hub.request_ca': {
    says: 'The request was made for another hub.',
    todo: 'Ask again; if it goes on, check the hub’s address and fingerprint.',
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
  'hub.absent': {
    says: 'The hub has no such file.',
    todo: 'Check the path. What the hub gives out lies in the folder `updates` of its data.',
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
  'enrol.renewal': {
    says: 'Only a certificate that counts can be renewed, and only under its own name.',
    todo: 'Ask for a new one (simpleenroll).',
    retry: false,
  },
  'enrol.cloned': {
    says: 'Two boards use one device key.',
    todo: 'Reset each of them to a new key: `ownlens agent reset --new-key`, or hold the button for twenty seconds. Recording goes on meanwhile.',
    retry: false,
  },
  'enrol.blocked': {
    says: 'The camera is blocked.',
    todo: 'Its owner or maker blocked it: `ownlens home cameras` says since when.',
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
  'store.damaged': {
    says: 'The hub’s disk has spoilt this part of a clip.',
    todo: 'Check the hub’s disk. What it keeps of the clip opens without it as far as it is proven.',
    retry: false,
  },
  'store.full': {
    says: 'The household’s share of the store is full.',
    todo: 'One clip alone is larger than the share: start the hub with a larger `--store-gib`.',
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
  'home.root_replaced': {
    says: 'The root key on this machine was replaced by another with the recovery words.',
    todo: 'Do this on the machine where `ownlens home recover` ran. If that was not you, look for who has your words.',
    retry: false,
  },
  'home.camera': {
    says: 'This does not name exactly one camera of this home.',
    todo: 'See `ownlens home cameras`; a name, an id, or the first eight characters of one will do.',
    retry: false,
  },
  'home.from': {
    says: 'There is no such folder of sealed clips.',
    todo: 'Check the path behind `--from`.',
    retry: false,
  },
  'home.out': {
    says: 'Clips cannot be put there: it is no folder, or may not be made.',
    todo: 'Check the path behind `--out`.',
    retry: false,
  },
  'home.words_needed': {
    says: 'The 24 recovery words are needed, and nobody can be asked for them here.',
    todo: 'Run the command at a terminal, or give them on its standard input.',
    retry: false,
  },
  'home.words_other': {
    says: 'These words are not the ones that this household’s newest root was made with.',
    todo: 'Use the words that were shown last: each recovery makes new ones, and the ones before count no more.',
    retry: false,
  },
  'home.move_code': {
    says: 'The new hub does not know this household.',
    todo: 'Give the registration code that it prints with `--code`.',
    retry: false,
  },
  'pair.stopped': {
    says: 'Pairing was given up.',
    todo: 'Nothing was paired. Begin again with `ownlens home pair`.',
    retry: false,
  },
  'pair.another': {
    says: 'Another camera than the one that was meant has answered.',
    todo: 'Hold the code before the right camera; a new camera is paired with `ownlens home pair`.',
    retry: false,
  },
  'pair.terminal': {
    says: 'The terminal is too small for the code.',
    todo: 'Make its window larger or its letters smaller, or write a picture with `--png FILE`.',
    retry: false,
  },
  'pair.silent': {
    says: 'No camera has answered the code.',
    todo: 'Press its button (or start it for the first time), hold the code before its lens within ten minutes, and look at its lamp.',
    retry: true,
  },
  'pair.unknown': {
    says: 'The hub has no open invitation with this code.',
    todo: 'Make a new code with `ownlens home pair`, and hold that one before the lens.',
    retry: false,
  },
  'pair.expired': {
    says: 'The code is older than ten minutes.',
    todo: 'Make a new code with `ownlens home pair`.',
    retry: false,
  },
  'pair.closed': {
    says: 'The code was used or given up.',
    todo: 'Make a new code with `ownlens home pair`; each is good for one camera.',
    retry: false,
  },
  'pair.taken': {
    says: 'Another camera has answered this code before.',
    todo: 'Somebody else may have seen the code. Make a new one with `ownlens home pair`, where nobody can photograph it.',
    retry: false,
  },
  'pair.rival': {
    says: 'More than one camera has answered the code.',
    todo: 'Nothing was paired. Somebody else may have seen the code: make a new one where nobody can photograph it.',
    retry: false,
  },
  'pair.other': {
    says: 'The home has taken another camera’s answer to this code.',
    todo: 'Somebody else may have seen the code. Make a new one with `ownlens home pair`.',
    retry: false,
  },
  'pair.declined': {
    says: 'The person at the app said that the codes differ.',
    todo: 'Nothing was paired. Make a new code where nobody else can photograph it.',
    retry: false,
  },
  'pair.owned': {
    says: 'The camera belongs to a home already, and this is another home’s code.',
    todo: 'Release it there with `ownlens home release`, or reset it: hold its button for ten seconds.',
    retry: false,
  },
  'pair.window': {
    says: 'The camera does not read codes now.',
    todo: 'Press its button; then it reads codes for ten minutes.',
    retry: false,
  },
  'pair.several': {
    says: 'Two different codes are in view.',
    todo: 'Show one code only.',
    retry: false,
  },
  'pair.unreadable': {
    says: 'There is a code in view that cannot be read.',
    todo: 'Hold it closer, still, flat and whole before the lens, with light on it.',
    retry: true,
  },
  'serial.old': {
    says: 'A newer statement about serials is known.',
    todo: 'Give the statement a higher number.',
    retry: false,
  },
  'block.old': {
    says: 'A newer order is known.',
    todo: 'Look at the newest state (`ownlens home cameras`; for a maker `ownlens block`), then give the order again, for a maker’s two signers with `--above` and the number that is named.',
    retry: false,
  },
  'block.ahead': {
    says: 'The order’s number lies more than a day in the future.',
    todo: 'Set the clock of the machine that gives the order, then give it again.',
    retry: false,
  },
  'block.signer': {
    says: 'The maker’s root has not announced this signer, or has revoked it.',
    todo: 'Announce it with `ownlens factory announce`, or let another signer give the order.',
    retry: false,
  },
  'block.second': {
    says: 'More than ten cameras within a day need the word of a second signer.',
    todo: 'Write the order with `ownlens block … --out FILE`, and let another signer confirm it with `ownlens block --countersign FILE`.',
    retry: false,
  },
  'block.serial': {
    says: 'No camera bears this serial.',
    todo: 'Check what is printed on the box, and whether its station has handed in its book (`ownlens factory merge`).',
    retry: false,
  },
  'block.several': {
    says: 'Several cameras bear this serial.',
    todo: 'Look at the keys that are shown, and name those that are meant: `ownlens block KEY…` instead of `--serial`.',
    retry: false,
  },
  'block.unconfirmed': {
    says: 'Nothing was ordered: nobody confirmed it.',
    todo: 'Look at what is shown, and answer; or give the keys and `--yes`.',
    retry: false,
  },
  'block.file': {
    says: 'This is not a file with an order.',
    todo: 'Name the file that `ownlens block … --out FILE` wrote.',
    retry: false,
  },
  'block.device': {
    says: 'The order names a camera that is not this home’s in this epoch.',
    todo: 'See `ownlens home cameras` for yours.',
    retry: false,
  },
  'move.old': {
    says: 'A newer address of the hub is known.',
    todo: 'Nothing to do; the newer one counts.',
    retry: false,
  },
  'serial.birth': {
    says: 'Station and board speak of different serials or keys.',
    todo: 'Make the board’s registration anew.',
    retry: false,
  },
  'serial.taken': {
    says: 'This serial belongs to another key.',
    todo: 'Print another serial for this board. If the board was repaired, the maker signs a replacement with `ownlens factory serial`.',
    retry: false,
  },
  'serial.key': {
    says: 'This key is registered under another serial.',
    todo: 'Register the board under the serial that it has, or have the maker relabel it with `ownlens factory serial`.',
    retry: false,
  },
  'serial.disputed': {
    says: 'Two cameras bear this serial.',
    todo: 'Both go on working where they are paired, and can be repaired there (`ownlens home repair`). Ask the maker, who relabels one of them; then it can be paired elsewhere.',
    retry: false,
  },
  'serial.unknown': {
    says: 'No factory has registered this camera.',
    todo: 'Ask the maker. A hub of your own (profile `home`) needs no factory.',
    retry: false,
  },
  'factory.exists': {
    says: 'There is a maker’s root in this folder already.',
    todo: 'Go on with that one, or choose another folder with `--data`. Cameras of two roots are two makers’.',
    retry: false,
  },
  'factory.signer_exists': {
    says: 'There is a signer’s key in this folder already.',
    todo: 'Go on with that one, or choose another folder with `--out`.',
    retry: false,
  },
  'factory.signer': {
    says: 'This is not a signer’s folder.',
    todo: 'Make one with `ownlens factory signer NAME --out FOLDER`.',
    retry: false,
  },
  'factory.key': {
    says: 'This names no single station or signer.',
    todo: 'Name its folder, its id, or the name under which it was announced; an id that this root’s folder does not know needs `--as station` or `--as signer`.',
    retry: false,
  },
  'factory.absent': {
    says: 'There is no maker’s root in this folder.',
    todo: 'Make one with `ownlens factory init`, or name the folder that holds it with `--data`.',
    retry: false,
  },
  'factory.station': {
    says: 'This is not a station’s folder.',
    todo: 'Make one with `ownlens factory station NAME --out FOLDER`.',
    retry: false,
  },
  'factory.damaged': {
    says: 'A file of the factory is damaged.',
    todo: 'Restore it from its backup. A station’s folder may also be made anew with `ownlens factory station`.',
    retry: false,
  },
  'factory.board': {
    says: 'The board has not signed its serial.',
    todo: 'Run `ownlens agent birth` on the board, and mend what it says.',
    retry: true,
  },
  'factory.nonce': {
    says: 'The board has not answered a nonce that is open at this station.',
    todo: 'Get one with `ownlens factory nonce`, let the board sign it within a day, and use it once.',
    retry: false,
  },
  'factory.file': {
    says: 'There is no such file of registrations.',
    todo: 'Name a file that `ownlens factory make --offline FILE` has written.',
    retry: false,
  },
  'factory.full': {
    says: 'The file of registrations is full.',
    todo: 'Hand it in with `ownlens factory merge`, and begin a new one.',
    retry: false,
  },
  'check.code': {
    says: 'This is not the code of a camera’s box.',
    todo: 'Type it as it is printed: OB1: and 26 letters and digits.',
    retry: false,
  },
  'check.unknown': {
    says: 'This hub knows no camera by this code.',
    todo: 'Check it letter by letter, and that this is the hub of the camera’s maker. With the camera itself: `ownlens check --data FOLDER`.',
    retry: false,
  },
  'check.key': {
    says: 'There is no camera’s key in this folder.',
    todo: 'Name the camera’s data folder with `--data`, or give the code of its box.',
    retry: false,
  },
  'check.hub': {
    says: 'This camera belongs to no home, and so to no hub that could be asked.',
    todo: 'Name the hub of its maker with `--hub`.',
    retry: false,
  },
  'check.answer': {
    says: 'The hub’s answer does not hold together.',
    todo: 'Ask again. If it stays so, the hub is damaged or lies: tell its operator, or the camera’s maker.',
    retry: false,
  },
  'station.unknown': {
    says: 'The maker’s root did not certify this station.',
    todo: 'Certify it with `ownlens factory station`, or start the hub with the right `--maker-root`.',
    retry: false,
  },
  'station.unlogged': {
    says: 'The maker’s root has not announced this station.',
    todo: 'Announce it: `ownlens factory announce FOLDER --hub ADDRESS`, at the machine with the maker’s root.',
    retry: false,
  },
  'station.revoked': {
    says: 'The maker’s root has revoked this station: it makes no cameras any more.',
    todo: 'Make the board at another station. If it was revoked by mistake, announce it again with `ownlens factory announce`.',
    retry: false,
  },
  'station.old': {
    says: 'The maker’s root has said something newer of this key.',
    todo: 'Give a higher number with `--number`; the newer word stays until then.',
    retry: false,
  },
  'station.office': {
    says: 'This key has another office: a station signs no orders, and a signer makes no boards.',
    todo: 'Make a new key with `ownlens factory station` or `ownlens factory signer`.',
    retry: false,
  },
  'station.busy': {
    says: 'This station registers too many boards at once.',
    todo: 'Wait a minute.',
    retry: true,
  },
  'station.root': {
    says: 'This is not a maker’s root certificate.',
    todo: 'Give `--maker-root` the `root.pem` that `ownlens factory init` wrote.',
    retry: false,
  },
  'command.member': {
    says: 'A command is not signed by a member of this camera’s home.',
    todo: 'It was not done. Whoever has just become a member waits a minute, until the camera knows.',
    retry: true,
  },
  'command.camera': {
    says: 'A command is for another camera, another home or an earlier epoch.',
    todo: 'It was not done. If it happens often, report it: somebody may be moving messages about.',
    retry: false,
  },
  'command.boot': {
    says: 'A command was made before the camera started.',
    todo: 'It was not done. The app sends it again when it has heard of the new start.',
    retry: true,
  },
  'command.time': {
    says: 'A command came too late, or the clocks of app and camera differ by more than a minute.',
    todo: 'It was not done. Set the clock of the machine that sent it, and send it again.',
    retry: true,
  },
  'command.many': {
    says: 'Too many commands came at once.',
    todo: 'It was not done. Wait a moment.',
    retry: true,
  },
  'live.full': {
    says: 'As many watch this camera already as it can serve.',
    todo: 'Close a live view, then try again.',
    retry: true,
  },
  'live.session': {
    says: 'A command is about a live view that another member has begun.',
    todo: 'It was not done.',
    retry: false,
  },
  'live.silent': {
    says: 'The camera does not answer, or its picture has stopped coming.',
    todo: 'Look with `ownlens home cameras` whether it is connected, then try again.',
    retry: true,
  },
  'live.ended': {
    says: 'The camera has ended the live view.',
    todo: 'Try again. If the camera itself failed, `ownlens home cameras` says why.',
    retry: true,
  },
  'live.frame': {
    says: 'A piece of the live picture is damaged, or is of another session.',
    todo: 'It was left out. If it happens often, report it: somebody may be changing what goes by.',
    retry: false,
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
  'clip.blocked': {
    says: 'It comes from a camera that this home has blocked, and from after that.',
    todo: 'It was not opened. If you trust the camera again, lift the block with `ownlens home unblock`.',
    retry: false,
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

  // --- the log ---------------------------------------------------------------------------------------------------
  'log.absent': {
    says: 'There is no checkpoint of a log here.',
    todo: 'Name the folder that holds `checkpoint` and `tile/`.',
    retry: false,
  },
  'log.key': {
    says: 'This is not a verifier key.',
    todo: 'Copy it as its owner published it: name+id+base64.',
    retry: false,
  },
  'log.signing_key': {
    says: 'This file does not hold an Ed25519 key in PKCS#8 PEM.',
    todo: 'Restore it from a backup. Whoever follows this witness knows it by that key: with another one it would have to be introduced anew.',
    retry: false,
  },
  'log.note': {
    says: 'A signed note is damaged, or a signature on it does not hold.',
    todo: 'Fetch it again. If it stays so, somebody has changed it.',
    retry: false,
  },
  'log.checkpoint': {
    says: 'This is no head of that log.',
    todo: 'Check that log and key belong together.',
    retry: false,
  },
  'log.witness': {
    says: 'Too few of the witnesses have cosigned this head.',
    todo: 'Wait for a head that they have cosigned, or ask them why they do not.',
    retry: false,
  },
  'log.witness_gone': {
    says: 'A witness does not answer.',
    todo: 'It is asked again with the next head. If it goes on, ask who runs it.',
    retry: true,
  },
  'log.witness_refused': {
    says: 'A witness does not cosign this log’s head.',
    todo: 'Check that the witness was given this log’s verifier key, and that its own key was copied right.',
    retry: false,
  },
  'log.record': {
    says: 'A record is not the one that was logged.',
    todo: 'Fetch the records again. If it stays so, who gave them to you has changed them.',
    retry: false,
  },
  'log.records': {
    says: 'The file of opened records cannot be read, or belongs to another log.',
    todo: 'Name a records.jsonl that was written for this log: a record a line, the positions growing.',
    retry: false,
  },
  'log.port': {
    says: 'The witness cannot listen there.',
    todo: 'Choose another address or port with `--host` and `--port`.',
    retry: true,
  },
  'log.proof': {
    says: 'The proof does not show that.',
    todo: 'Keep both heads and the proof: they show that the log, or who sent them, is wrong.',
    retry: false,
  },
  'log.back': {
    says: 'The log has fewer entries than before: it forgets.',
    todo: 'Keep both heads and show them: a log only grows.',
    retry: false,
  },
  'log.split': {
    says: 'The log tells two stories: its beginning is another than before.',
    todo: 'Keep both heads and show them: both bear the log’s signature.',
    retry: false,
  },
  'log.other': {
    says: 'The hub shows another log than before: all that was in the old one is out of sight.',
    todo: 'Ask who runs the hub. If there is a good reason, `ownlens home log --accept` begins anew; for a camera, repair it.',
    retry: false,
  },
  'log.kept': {
    says: 'What was kept of the hub’s log is damaged: nobody can tell whether the log went back.',
    todo: '`ownlens home log --accept` begins anew; for a camera, repair it.',
    retry: false,
  },
  'log.tile': {
    says: 'A file of the log is missing, damaged, or not of its entries.',
    todo: 'Fetch the log again. If it stays so, it is not whole.',
    retry: false,
  },
  'log.root': {
    says: 'The entries are not the ones that the head was signed for.',
    todo: 'Fetch the log again. If it stays so, keep it: the head’s signature shows who is wrong.',
    retry: false,
  },
  // --- fleet ----------------------------------------------------------------------------------------------------
  'fleet.scenario': {
    says: 'The scenario has mistakes.',
    todo: 'Mend the lines that are named; `ownlens fleet --fields` says what there is.',
    retry: false,
  },
  'fleet.only': {
    says: 'No device of the scenario is called like that.',
    todo: 'Devices are called HOME/CAMERA, several with a number: “Home 3/Hall”. `*` stands for any characters.',
    retry: false,
  },
  'fleet.hub': {
    says: 'The hub of this fleet did not start, or does not say where it is.',
    todo: 'See what it said. With `--hub FILE`, start it with `ownlens hub --json >FILE`.',
    retry: false,
  },

  // --- reports and incidents ------------------------------------------------------------------------------------
  'report.evidence': {
    says: 'The evidence is not the one that the report was signed for.',
    todo: 'Report again with `ownlens home report`.',
    retry: false,
  },
  'report.proof': {
    says: 'The proof does not hold together.',
    todo: 'Have it written again with `ownlens home report --proof FILE`.',
    retry: false,
  },
  'home.kept': {
    says: 'Nothing was deleted.',
    todo: 'Answer `y` to delete.',
    retry: false,
  },
  'report.none': {
    says: 'This app has reported nothing, so there is nothing to prove.',
    todo: 'Report with `ownlens home report`. What another member has reported is proven by that member’s app.',
    retry: false,
  },
  'report.unknown': {
    says: 'There is no such report, or several begin like that.',
    todo: 'See `ownlens home report --list`, or `ownlens incident list` where you run the hub.',
    retry: false,
  },
  'incident.unknown': {
    says: 'There is no such incident.',
    todo: 'See `ownlens incident list`.',
    retry: false,
  },
  'incident.out': {
    says: 'The page needs a folder of its own: there is something in this one.',
    todo: 'Name a new or empty folder behind `--out`.',
    retry: false,
  },
  'incident.time': {
    says: 'This word on an incident is dated later than the hub’s clock.',
    todo: 'Set the clock of the machine that signs it, then say it again.',
    retry: false,
  },
  'incident.old': {
    says: 'There is a newer word on this incident already.',
    todo: 'See it with `ownlens incident list`, then update it again.',
    retry: false,
  },
  'operator.absent': {
    says: 'There is no hub in this folder, or it was never started.',
    todo: 'Name the folder of `ownlens hub --data` with `--hub-data`.',
    retry: false,
  },
} as const satisfies Record<string, ErrorMeaning>

export type ErrorCode = keyof typeof errorTable

/** A detail may quote others, as zod names a field that it does not know: no terminal obeys it (`text` in fields.ts). */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** An expected failure with a code, what happened and what to do. `detail` names the thing, never a secret. */
export class OwnlensError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined

  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    const { says } = errorTable[code]
    const shown = detail?.replace(UNPRINTABLE, '\uFFFD')
    super(shown === undefined ? says : `${says} (${shown})`, options)
    this.name = 'OwnlensError'
    this.code = code
    this.detail = shown
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
