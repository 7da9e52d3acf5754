/** Stores of several shapes, over the same kind of files: what a group of volumes takes is compared with what one takes. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Repository } from '../src/index.js'
import { openBuilt, openBuiltModule } from './builtLibrary.js'
import { type Delays, slowDriver, slowVolume } from './slowVolume.js'

export interface Shape {
  readonly name: string
  /** Beside the catalog's own file. */
  readonly volumes: number
  readonly type: 'linear' | 'striped' | 'mirrored'
  /** Whether extents go to the catalog's own file as well. */
  readonly isHomeUsed: boolean
}

export const SHAPES = {
  oneFile: { name: 'one file', volumes: 0, type: 'linear', isHomeUsed: true },
  oneVolume: { name: '1 volume', volumes: 1, type: 'linear', isHomeUsed: false },
  linear: { name: '2 volumes, linear', volumes: 2, type: 'linear', isHomeUsed: false },
  mirrors: { name: '2 mirrors', volumes: 2, type: 'mirrored', isHomeUsed: false },
  stripes: { name: '4 stripes', volumes: 4, type: 'striped', isHomeUsed: false },
  fourLinear: { name: '4 files, linear', volumes: 3, type: 'linear', isHomeUsed: true },
  fourStriped: { name: '4 files, striped', volumes: 3, type: 'striped', isHomeUsed: true },
} as const satisfies Readonly<Record<string, Shape>>

const LOCK_TIMEOUT_MS = 60_000

/** @returns the path of a new store in `folder` */
export async function makeStore(shape: Shape, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const { Repository } = await openBuilt()
  const path = join(folder, 'store.varve')
  const repository = await Repository.create(path)
  for (let number = 1; number <= shape.volumes; number++) {
    await repository.extendVolumeGroup(join(folder, `volume-${number}.varve`))
  }
  const numbers = Array.from({ length: shape.volumes }, (_, index) => index + 1)
  const physicalVolumes = shape.isHomeUsed ? [] : numbers
  await repository.parts.group.changeLayout((layout) => ({
    ...layout,
    logicalVolumes: layout.logicalVolumes.map((volume) => ({
      ...volume,
      type: shape.type,
      copies: shape.type === 'mirrored' ? 2 : 1,
      physicalVolumes,
    })),
  }))
  await repository.close()
  return path
}

export async function openStore(path: string, delays: Delays = {}): Promise<Repository> {
  const { Repository } = await openBuilt()
  const { VolumeGroup } = await openBuiltModule<typeof import('../src/volume/volumeGroup.js')>('volume/volumeGroup')
  const { systemClock } = await openBuiltModule<typeof import('../src/base/clock.js')>('base/clock')
  const { systemRandomness } = await openBuiltModule<typeof import('../src/base/random.js')>('base/random')
  const group = await VolumeGroup.open(path, {
    clock: systemClock,
    random: systemRandomness,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    threads: delays.threads ?? true,
    ...(delays.blockMs ? { driver: slowDriver(join(dirname(path), 'slowDriver.cjs'), delays.blockMs) } : {}),
    // The catalog's file is written by the transaction that publishes: nothing of it can be put off.
    wrapVolume: (volume) => (volume.number === 0 ? volume : slowVolume(volume, delays)),
  })
  return Repository['over'](group, {})
}
