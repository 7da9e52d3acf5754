/** What actors of the simulation do: each errand is something that somebody does with a store, through its public verbs. */
import { type ErrorCode, isVarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { makeReachable } from '../../src/cas/makeReachable.js'
import type { Repository } from '../../src/repository.js'
import { idsBelow } from '../../src/session.js'
import type { Lease } from '../../src/volume/lease.js'
import type { Chance } from '../crash/support/chance.js'
import { noise } from '../crash/support/chance.js'
import type { Actor, World } from './world.js'

const BRANCHES = ['main', 'a', 'b', 'c'] as const
const FILES = ['f', 'g', 'd/h', 'd/i'] as const
/** Contents that many commits share. */
const SHARED = Array.from({ length: 10 }, (_, index) => noise(`shared ${index}`, index % 3 === 0 ? 900 : 200))

/** Part of the files that are edited, and not written anew. */
const EDITS = 0.4
const EDIT_BYTES = 12

/** What is in the commits that somebody was told of. */
export type Known = Map<string, ReadonlyMap<string, Buffer>>

export interface Errand {
  readonly world: World
  readonly actor: Actor
  readonly chance: Chance
  readonly known: Known
  /** Opens the store again, if it likes. */
  readonly repository: () => Promise<Repository>
}

export type Run = (errand: Errand) => Promise<void>

/** Edits on a branch, committed. */
export const commit: Run = async (errand) => {
  const { world, actor, chance, known, repository } = errand
  const repo = await repository()
  const branch = chance.pick(BRANCHES)
  // It may be deleted, and its commits be dropped, while it is looked for.
  const draft = await passing(() => repo.draft(branch), branch === 'main' ? [] : GONE)
  if (!draft) return
  const { base } = draft
  let copies = false
  try {
    const files = new Map(base === undefined ? [] : known.get(base))
    const isKnown = base === undefined || known.has(base)
    for (let left = chance.between(1, 3); left > 0; left--) {
      const path = chance.pick(FILES)
      const content = contentFor(errand, files.get(path))
      await draft.write(path, content)
      files.set(path, content)
    }
    const source = chance.next() < 0.3 ? pickKnown(errand) : undefined
    const copied = source && [...(known.get(source) ?? [])][0]
    if (source && copied) {
      copies = true
      await draft.copy(copied[0], 'copied', source)
      files.set('copied', copied[1])
    }
    if (chance.next() < 0.4) actor.asleepUntil = world.turns.given + chance.pick([20, 60, 150])
    await world.wait(actor, 'before its commit')
    const made = await draft.commit({ message: `${world.turns.given}`, author: 'A <a@b>', retry: 0 })
    if (isKnown) known.set(made.id, files)
  } catch (error) {
    await draft.abandon()
    // Of what nobody keeps from going, some may be gone.
    const { expectations } = world
    const isFree = copies || (base !== undefined && (!expectations.isRoot(base) || expectations.isPruned(base)))
    const gone: readonly ErrorCode[] = isFree ? GONE : []
    if (!isVarveError(error, 'REF_CONFLICT', 'NOTHING_TO_COMMIT', 'STORE_LOCKED', ...gone)) throw error
  }
}

const GONE: readonly ErrorCode[] = ['UNKNOWN_REVISION', 'MISSING_CHUNK', 'SNAPSHOT_GONE', 'PRUNED']

/** Branches and tags come and go; some are brought back by the id of what they were, or from the reflog. */
export const moveRefs: Run = async (errand) => {
  const { world, actor, chance, repository } = errand
  const repo = await repository()
  const way = chance.below(12)
  await passing(async () => {
    const branch = chance.pick(BRANCHES.slice(1))
    const id = pickKnown(errand)
    if (way < 4) await repo.deleteBranch(branch)
    else if (way < 7 && id) await repo.createBranch(branch, id, { force: chance.next() < 0.5 })
    else if (way < 9) await bringBack(repo, branch)
    else if (way < 10 && id) await repo.createTag(`t${chance.below(2)}`, id, { force: true })
    else if (way < 11) await repo.createTag(`t${chance.below(2)}`, `main~${chance.between(1, 3)}`, { force: true })
    else await repo.deleteTag(`t${chance.below(2)}`)
  }, ['REF_CONFLICT', 'REF_EXISTS', 'REF_NOT_FOUND', 'STORE_LOCKED', ...GONE])
  await world.wait(actor, 'after its move')
}

/** As people do who deleted the wrong one. */
async function bringBack(repo: Repository, branch: string): Promise<void> {
  const [last] = await repo.reflog(branch, { limit: 1 })
  if (last?.old !== undefined && last.new === undefined) await repo.createBranch(branch, last.old)
}

/** History is thinned out: what goes loses its files. */
export const prune: Run = async ({ world, actor, chance, repository }) => {
  const repo = await repository()
  await world.wait(actor, 'before it prunes')
  const branches = chance.next() < 0.5 ? ['main'] : undefined
  await passing(
    () => repo.prune({ keepLast: chance.between(1, 2), branches }),
    // Its branch may not be there, or not for long.
    ['REF_CONFLICT', 'STORE_LOCKED', 'INVALID_ARGUMENT', ...GONE],
  )
}

/** How much each branch needs: which writes down what commits reach, for gc to go by. */
export const measure: Run = async ({ repository }) => {
  const repo = await repository()
  await passing(() => repo.space(), ['STORE_LOCKED', ...GONE])
}

/** A folder without a branch goes to some commit, or is given up. */
export const moveFolder: Run = async (errand) => {
  const { chance, repository } = errand
  const repo = await repository()
  const { worktrees, store, group } = repo.parts
  const id = pickKnown(errand) as Hash | undefined
  const row = { id: 'folder', path: '/folder', branch: undefined, head: undefined }
  if (!id || chance.next() < 0.3) {
    group.catalog.write((tx) => worktrees.remove(tx, row.id))
    return
  }
  await passing(async () => {
    await repo.resolve(id)
    await makeReachable(
      store,
      (epoch) => (epoch === 0 ? undefined : () => idsBelow(repo.parts, [id], { parents: true })),
      (tx) => {
        repo.parts.pruned.requireFiles(id)
        const before = worktrees.get(row.id, tx)
        if (before) worktrees.move(tx, before, { ...before, head: id })
        else worktrees.add(tx, { ...row, head: id })
      },
    )
  }, ['REF_CONFLICT', 'STORE_LOCKED', ...GONE])
}

/** Reads all of a branch, with a lease or without. */
export const read: Run = async ({ world, actor, chance, known, repository }) => {
  const repo = await repository()
  const { store, group } = repo.parts
  const lease: Lease | undefined = chance.next() < 0.7 ? store.takeReaderLease() : undefined
  const target = repo.parts.refs.get(`heads/${chance.pick(BRANCHES)}`)?.target
  try {
    if (target) {
      await world.wait(actor, 'before it reads')
      const snapshot = await repo.at(target)
      for (const [path, content] of known.get(target) ?? []) {
        if (!(await snapshot.read(path)).equals(content)) throw new Error(`${path} of ${target} has other bytes`)
      }
    }
  } catch (error) {
    // What nobody keeps from going may be gone.
    const { expectations } = world
    const isPruned = target !== undefined && expectations.isPruned(target)
    const mayBeGone = !lease && target !== undefined && (isPruned || !expectations.isRoot(target))
    const passed: readonly ErrorCode[] = mayBeGone ? ['SNAPSHOT_GONE', 'UNKNOWN_REVISION'] : []
    if (!isVarveError(error, ...passed, ...(isPruned ? (['PRUNED'] as const) : []))) throw error
  } finally {
    if (lease) group.catalog.write((tx) => lease.release(tx))
  }
}

export const collectGarbage: Run = async ({ world, actor, chance, repository }) => {
  for (let left = chance.between(1, 2); left > 0; left--) {
    const repo = await repository()
    actor.isImpatient = chance.next() < 0.4
    actor.isCollecting = true
    try {
      await passing(() => repo.gc({ now: actor.isImpatient }), ['STORE_LOCKED'])
    } finally {
      actor.isCollecting = false
    }
    await world.wait(actor, 'between two runs')
    if (chance.next() < 0.7) world.nowMs += chance.between(0, 3) * DAY_MS
  }
}

/** Chunks are put together anew. */
export const pack: Run = async ({ world, actor, chance, repository }) => {
  const repo = await repository()
  await world.wait(actor, 'before it packs')
  await passing(() => repo.pack({ archive: chance.next() < 0.5 }), ['STORE_LOCKED'])
}

/** Clocks are set, by people and by batteries that ran out. */
export const leap: Run = async ({ world, actor, chance }) => {
  for (let left = chance.between(1, 4); left > 0; left--) {
    await world.wait(actor, 'before the clock leaps')
    world.nowMs += chance.pick([1, 2, 5, 20, 3650, -1, -3650, 0.5]) * DAY_MS
  }
}

/**
 * A bit flips in an extent, where there is another copy that is sound: then nobody may notice but by what is mended. Of an only
 * copy it flips back after a while; until then nothing may go, and nobody may be told anything wrong.
 */
export const corrode: Run = async ({ world, actor, chance }) => {
  const { rust, expectations } = world
  for (let left = chance.between(1, 4); left > 0; left--) {
    await world.wait(actor, 'before a bit flips')
    const { extents } = expectations
    if (extents.length === 0) continue
    const eid = chance.pick(extents)
    const copies = rust.copies(eid)
    const pv = chance.pick(copies)
    const others = copies.filter((other) => other !== pv)
    if (!(await rust.isSound(eid, pv))) continue
    if (copies.length === 1) {
      rust.wasOnlyCopy = true
      await rust.flip(eid, pv)
      actor.asleepUntil = world.turns.given + chance.pick([5, 20, 60])
      await world.wait(actor, `while extent ${eid} is damaged`)
      await rust.flip(eid, pv)
    } else if (await rust.isSound(eid, others[0] as number)) {
      world.turns.note(actor, `damages extent ${eid} in volume ${pv}`)
      await rust.flip(eid, pv)
    }
  }
}

/** A commit that somebody was told of: rather one that nothing needs any more. */
function pickKnown({ chance, known, world }: Errand): string | undefined {
  const ids = [...known.keys()]
  if (ids.length === 0) return undefined
  const endangered = ids.filter((id) => !world.expectations.isRoot(id as Hash))
  return chance.pick(endangered.length > 0 && chance.next() < 0.7 ? endangered : ids)
}

/** What was there with a few bytes changed; new; or as another commit has it: rather one that nothing needs any more. */
function contentFor(errand: Errand, before: Buffer | undefined): Buffer {
  const { world, actor, chance, known } = errand
  if (before && before.length > EDIT_BYTES && chance.next() < EDITS) {
    const edited = Buffer.from(before)
    const at = chance.below(before.length - EDIT_BYTES)
    noise(`edit ${actor.name} ${world.turns.given}`, EDIT_BYTES).copy(edited, at)
    return edited
  }
  const way = chance.next()
  const id = way < 0.5 ? pickKnown(errand) : undefined
  const contents = id === undefined ? [] : [...(known.get(id)?.values() ?? [])]
  if (contents.length > 0) return chance.pick(contents)
  return way < 0.75 ? chance.pick(SHARED) : noise(`${actor.name} ${world.turns.given}`, chance.pick([150, 700]))
}

/** What may be in the way is no failure. */
async function passing<T>(body: () => Promise<T>, codes: readonly ErrorCode[]): Promise<T | undefined> {
  try {
    return await body()
  } catch (error) {
    if (!isVarveError(error, ...codes)) throw error
    return undefined
  }
}
