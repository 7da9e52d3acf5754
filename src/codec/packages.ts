/**
 * Packages that a program may never need, loaded when they are first used: starting is most of the time that a short
 * command takes, and each of them costs milliseconds of it.
 */
import { createRequire } from 'node:module'
import type zstdPackage from '@toondepauw/node-zstd'
import type fastcdcPackage from 'fastcdc-wasm'
import type lz4Package from 'lz4-napi'

const load = createRequire(import.meta.url)

function onFirstUse<T>(name: string): () => T {
  let loaded: T | undefined
  return () => {
    loaded ??= load(name) as T
    return loaded
  }
}

export const lz4 = onFirstUse<typeof lz4Package>('lz4-napi')
export const fastcdc = onFirstUse<typeof fastcdcPackage>('fastcdc-wasm')
export const zstd = onFirstUse<typeof zstdPackage>('@toondepauw/node-zstd')
