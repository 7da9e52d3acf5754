/** What operators and committers do to a volume group: drawn first, done then, be it by the process that looks on or by one that is killed. */
import { join } from 'node:path'
import { isVarveError } from '../../../src/base/errors.js'
import type { Repository } from '../../../src/repository.js'
import type { LogicalVolumeInfo } from '../../../src/upkeep/logicalVolumes.js'
import type { Chance } from '../../crash/support/chance.js'
import type { GroupTrees, Tree } from './groupTrees.js'

export interface Work {
  readonly kind: WorkKind
  readonly text: string
  /** @returns whether anything was done */
  run(repo: Repository): Promise<boolean>
  /** What the newest commit holds once it is done. */
  readonly tree?: Tree
  /** As arguments of the command. Commits get theirs from a folder with `tree` in it. */
  readonly args: readonly string[]
}

export type WorkKind = (typeof WORK_KINDS)[number]

export const WORK_KINDS = [
  ...['commit', 'long', 'extend', 'convert', 'move'],
  ...['balance', 'allocatable', 'reduce', 'gc', 'pack', 'prune', 'logical'],
] as const

const VOLUMES_MOST = 5
const SECOND = 'second'

export interface WorkContext {
  readonly chance: Chance
  readonly trees: GroupTrees
  readonly folder: string
}

/** @returns `undefined` where it makes no sense now */
export async function drawWork(
  { chance, trees, folder }: WorkContext,
  repo: Repository,
  kind: WorkKind,
): Promise<Work | undefined> {
  const { physicalVolumes: volumes } = await repo.volumeGroup()
  const named = (): string => String(chance.pick(volumes).number)
  switch (kind) {
    case 'commit':
      return commitOf(kind, trees, trees.edited())
    case 'long':
      return commitOf(kind, trees, trees.edited(volumes.length === 1 ? 'oneFile' : 'group'))
    case 'extend': {
      if (volumes.length >= VOLUMES_MOST) return undefined
      const file = join(folder, `pv-${trees.next()}.varve`)
      const run = async (by: Repository): Promise<boolean> => (await by.extendVolumeGroup(file)).path === file
      return { kind, text: `to ${volumes.length + 1}`, run, args: ['vg', 'extend', file] }
    }
    case 'convert':
      return convertOf(chance, volumes)
    case 'logical':
      return logicalOf(chance, await repo.logicalVolumes(), volumes.length)
    case 'move': {
      const number = named()
      const run = async (by: Repository): Promise<boolean> => (await by.movePhysicalVolume(number)).moved.length > 0
      return { kind, text: number, run, args: ['pv', 'move', number] }
    }
    case 'balance': {
      const run = async (by: Repository): Promise<boolean> => (await by.balanceVolumeGroup()).added.length > 0
      return { kind, text: '', run, args: ['vg', 'balance'] }
    }
    case 'allocatable': {
      const { number, allocatable } = chance.pick(volumes)
      const run = async (by: Repository): Promise<boolean> => {
        await by.changePhysicalVolume(String(number), { allocatable: !allocatable })
        return true
      }
      const args = ['pv', 'change', String(number), '--allocatable', allocatable ? 'n' : 'y']
      return { kind, text: `${number} ${!allocatable}`, run, args }
    }
    case 'reduce': {
      const empty = volumes.filter(({ extents }) => extents === 0)
      const number = String(chance.pick(empty.length > 0 && chance.below(4) > 0 ? empty : volumes).number)
      const run = async (by: Repository): Promise<boolean> => {
        await by.reduceVolumeGroup(number)
        return true
      }
      return { kind, text: number, run, args: ['vg', 'reduce', number] }
    }
    case 'gc': {
      const run = async (by: Repository): Promise<boolean> => {
        const { condemned, dropped, rewritten } = await by.gc({ now: true })
        return condemned.chunks + dropped.chunks + rewritten.extents > 0
      }
      return { kind, text: '', run, args: ['gc', '--now'] }
    }
    case 'pack':
      return { kind, text: '', run: async (by) => (await by.pack()).isPacked, args: ['pack'] }
    case 'prune': {
      const keepLast = chance.between(2, 5)
      const run = async (by: Repository): Promise<boolean> => {
        const { pruned } = await by.prune({ keepLast })
        trees.keepLast(keepLast)
        return pruned.length > 0
      }
      return { kind, text: `to ${keepLast}`, run, args: ['prune', '--keep-last', String(keepLast)] }
    }
  }
}

function commitOf(kind: WorkKind, { newest }: GroupTrees, tree: Tree): Work {
  const gone = [...newest.keys()].filter((path) => !tree.has(path))
  const run = async (repo: Repository): Promise<boolean> => {
    const draft = await repo.draft('main')
    for (const [path, bytes] of tree) await draft.write(path, bytes)
    for (const path of gone) await draft.remove(path)
    await draft.commit({ message: 'edited', author: 'Model <model@example.org>' })
    return true
  }
  return { kind, text: '', run, tree, args: ['commit', '--no-progress', '-m', 'edited', '--from'] }
}

function convertOf(chance: Chance, volumes: readonly { readonly number: number }[]): Work {
  const copies = chance.between(1, Math.min(3, volumes.length))
  const own = chance.below(3) === 0 ? volumes.filter(() => chance.below(2) === 0) : undefined
  const physicalVolumes = own?.map(({ number }) => String(number))
  const plain = chance.pick(['linear', 'striped'] as const)
  const type = copies > 1 ? 'mirrored' : plain
  const run = async (repo: Repository): Promise<boolean> => {
    const before = repo.parts.group.layout.logicalVolumes
    const { added, dropped } = await repo.convertLogicalVolume('default', { type, copies, physicalVolumes })
    const isOther = JSON.stringify(before) !== JSON.stringify(repo.parts.group.layout.logicalVolumes)
    return isOther || added.length + dropped.length > 0
  }
  const text = `${type} ${copies} ${physicalVolumes?.join(',') ?? 'as before'}`
  return { kind: 'convert', text, run, args: ['lv', 'convert', 'default', '-m', String(copies - 1)] }
}

/** A second logical volume comes, is what the branch is kept in, or is not, and goes. */
function logicalOf(chance: Chance, logicalVolumes: readonly LogicalVolumeInfo[], count: number): Work {
  const kind = 'logical'
  const copies = chance.between(1, Math.min(3, count))
  const second = logicalVolumes.find(({ name }) => name === SECOND)
  if (!second) {
    const run = async (repo: Repository): Promise<boolean> => {
      await repo.createLogicalVolume(SECOND, { copies })
      return true
    }
    return { kind, text: `create ${copies}`, run, args: ['lv', 'create', SECOND, '-m', String(copies - 1)] }
  }
  const isKept = second.branches.includes('main')
  const drawn = chance.below(3)
  if (drawn === 0) {
    const run = async (repo: Repository): Promise<boolean> => {
      const { added, dropped } = await repo.convertLogicalVolume(SECOND, { copies })
      return copies !== second.copies || added.length + dropped.length > 0
    }
    return { kind, text: `convert ${copies}`, run, args: ['lv', 'convert', SECOND, '-m', String(copies - 1)] }
  }
  if (drawn === 1 && !isKept) {
    const run = async (repo: Repository): Promise<boolean> => {
      await repo.removeLogicalVolume(SECOND)
      return true
    }
    return { kind, text: 'remove', run, args: ['lv', 'remove', SECOND] }
  }
  const name = isKept ? 'default' : SECOND
  const run = async (repo: Repository): Promise<boolean> => {
    await repo.assignLogicalVolume(name, ['main'])
    return true
  }
  return { kind, text: `keep in ${name}`, run, args: ['lv', 'set', name, 'main'] }
}

/** Refusals are answers too, as long as nothing came of them. @returns the code of one */
export async function refusalOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    const codes = ['INVALID_ARGUMENT', 'PV_IN_USE', 'VG_FULL', 'PV_NOT_FOUND'] as const
    if (!isVarveError(error, ...codes)) throw error
    return error.code
  }
}
