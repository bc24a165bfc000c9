import { type ChildProcess, spawn } from 'node:child_process'
import { cpuSeconds, peakMegabytes } from './processes.ts'
import { type BenchContext, type Row, row } from './row.ts'
import { startSide } from './side.ts'
import { video } from './sources.ts'

/** Start-up is not what is measured. */
const SETTLE_MS = 8000
const MEASURE_MS = 48_000

const PEER = 'ffmpeg that always records (libx264 veryfast)'
const COPY_PEER = 'ffmpeg that always records (copy)'

/** Cores of the whole agent, its ffmpegs included, against a bare ffmpeg on the same video at the same time of day. */
export async function measureCpu(
  context: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  const cases = [
    { name: 'cpu.quiet', video: 'quiet.avi', copy: false },
    { name: 'cpu.busy', video: 'busy.avi', copy: false },
    { name: 'cpu.copy', video: 'busy.mp4', copy: true },
  ] as const
  for (const each of cases) {
    const wantsRss = each.name === 'cpu.busy' && only('rss')
    if (!only(each.name) && !wantsRss) continue
    const path = await video(context.folder, each.video)
    context.tell(`${each.name}: the agent on ${each.video}`)
    const { cores, megabytes } = await agentCores(context.folder, path)
    context.tell(`${each.name}: a bare ffmpeg on ${each.video}`)
    const peer = only(each.name) ? await bareCores(path, each.copy) : null
    if (only(each.name))
      rows.push(row(each.name, 'cores', cores, { name: each.copy ? COPY_PEER : PEER, value: peer }, 'lower'))
    if (wantsRss) rows.push(row('rss', 'MB', megabytes, { name: 'none', value: null }, 'lower'))
  }
  return rows
}

async function agentCores(folder: string, camera: string): Promise<{ cores: number; megabytes: number }> {
  const side = await startSide(folder)
  try {
    const agent = await side.start({ camera, microphone: 'auto' })
    const cores = await coresOf(agent)
    const megabytes = peakMegabytes(agent.pid ?? 0)
    await side.stop(agent)
    return { cores, megabytes }
  } finally {
    await side.close()
  }
}

async function bareCores(camera: string, copy: boolean): Promise<number> {
  const codec = copy
    ? ['-c', 'copy']
    : ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-c:a', 'aac']
  const process = spawn(
    'ffmpeg',
    [
      '-v',
      'error',
      '-re',
      '-stream_loop',
      '-1',
      '-i',
      camera,
      ...codec,
      '-f',
      'mp4',
      '-movflags',
      '+frag_keyframe+empty_moov',
      '-y',
      '/dev/null',
    ],
    { stdio: 'ignore' },
  )
  try {
    return await coresOf(process)
  } finally {
    process.kill('SIGKILL')
  }
}

async function coresOf(process: ChildProcess): Promise<number> {
  const { pid } = process
  if (pid === undefined) throw new Error('it did not start')
  await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
  const before = { cpu: cpuSeconds(pid), at: performance.now() }
  await new Promise(resolve => setTimeout(resolve, MEASURE_MS))
  const cores = (cpuSeconds(pid) - before.cpu) / ((performance.now() - before.at) / 1000)
  if (process.exitCode !== null) throw new Error('it ended while it was measured')
  return cores
}
