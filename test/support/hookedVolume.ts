/** A volume of which some methods are replaced: for races and failures that are to happen at one point and no other. */
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'

export type VolumeHooks = {
  readonly [Name in
    | 'stage'
    | 'remove'
    | 'lookup'
    | 'hashPrefixes'
    | 'layoutSequence'
    | 'writeLayout'
    | 'read'
    | 'packedChunkRows']?: (
    volume: PhysicalVolume,
    ...parameters: Parameters<PhysicalVolume[Name]>
  ) => ReturnType<PhysicalVolume[Name]>
}

export function hookedVolume(volume: PhysicalVolume, hooks: VolumeHooks): PhysicalVolume {
  return new Proxy(volume, {
    get(target, key) {
      const hook = hooks[key as keyof VolumeHooks] as ((...parameters: unknown[]) => unknown) | undefined
      if (hook) return (...parameters: unknown[]) => hook(target, ...parameters)
      const value = Reflect.get(target, key) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
