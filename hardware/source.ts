import { existsSync } from 'node:fs'
import { OwnlensError } from '../protocol/errors.ts'

/** Where pictures come from. */
export type Source =
  | { readonly kind: 'v4l2'; readonly device: string }
  | { readonly kind: 'rtsp'; readonly url: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'lavfi'; readonly graph: string }
  | { readonly kind: 'scene' }

/** Reads what a person writes behind `--camera`. Throws `camera.source`. */
export function parseSource(text: string): Source {
  if (text === 'scene') return { kind: 'scene' }
  if (/^\/dev\/(video\d|v4l\/)/.test(text)) return { kind: 'v4l2', device: text }
  if (/^rtsps?:\/\//.test(text) && URL.canParse(text)) return { kind: 'rtsp', url: text }
  if (text.startsWith('lavfi:') && text.length > 6) return { kind: 'lavfi', graph: text.slice(6) }
  if (text === '' || /^[a-z]+:\/\//.test(text)) throw new OwnlensError('camera.source', text)
  if (!existsSync(text)) throw new OwnlensError('camera.file', text)
  return { kind: 'file', path: text }
}

/** What a person would call it; an address without its password. */
export function nameOfSource(source: Source): string {
  switch (source.kind) {
    case 'v4l2':
      return source.device
    case 'rtsp': {
      const { protocol, host, pathname } = new URL(source.url)
      return `${protocol}//${host}${pathname}`
    }
    case 'file':
      return source.path
    case 'lavfi':
      return 'lavfi'
    case 'scene':
      return 'scene'
  }
}
