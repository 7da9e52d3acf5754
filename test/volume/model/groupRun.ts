/**
 * Random sequences of what operators do to a volume group while people commit, and of what goes wrong meanwhile, beside a model that
 * knows what each commit holds. After each step the newest commit and an older one are what the model says; after every few,
 * and after all that goes wrong, all of the store is verified.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Repository } from '../../../src/repository.js'
import { Chance, noise } from '../../crash/support/chance.js'
import { change, flip } from '../../support/mirrored.js'
import { doomed } from './doomed.js'
import { GroupTrees } from './groupTrees.js'
import { drawWork, refusalOf, type Work, type WorkKind } from './groupWork.js'

export interface GroupRunOptions {
  readonly seed: string
  readonly sequence: number
  readonly steps: number
  readonly folder: string
  /** What `process.execPath` runs as varve: some steps are its, and it is killed. */
  readonly script: string
}

/** Of each kind of step: how often it did something. */
export type StepTally = Map<string, number>

const SMALL = { chunkBytes: 1024, extentBytes: 65_536 } as const
const VERIFY_EVERY = 10
const KILL_FIRST_MS = 50
const KILL_LAST_MS = 450
/** No system gives a process such a number. */
const NOBODY = 0x7ffffffe
/** Steps of work that was not met before. */
const STEPS_GUESSED = 10

const WORK: readonly (readonly [number, WorkKind])[] = [
  [24, 'commit'],
  [1, 'long'],
  [7, 'extend'],
  [12, 'convert'],
  [9, 'move'],
  [8, 'balance'],
  [4, 'allocatable'],
  [7, 'reduce'],
  [5, 'gc'],
  [1, 'pack'],
  [6, 'prune'],
  [6, 'logical'],
]
const LOSSES = ['away', 'gone', 'spoilt', 'old'] as const
/** Of one copy: its bytes are others, it is not there, or it is what another extent is. */
const ROTS = ['flipped', 'gone', 'other'] as const
const KILLED: readonly WorkKind[] = [
  'commit',
  'long',
  'extend',
  'convert',
  'move',
  'balance',
  'reduce',
  'gc',
  'pack',
  'logical',
]

/** Every kind that a tally may have. */
export const STEP_KINDS: readonly string[] = [
  ...WORK.map(([, kind]) => kind),
  ...KILLED.map((kind) => `killed ${kind}`),
  ...LOSSES.map((how) => `lost ${how}`),
  ...ROTS.map((how) => `rot ${how}`),
  'killed process',
]

/** @returns what was done */
export async function runGroup(options: GroupRunOptions): Promise<StepTally> {
  const run = new GroupRun(options)
  try {
    await run.start()
    // In every other sequence: to start a process takes as long as many steps do.
    const processAt = options.sequence % 2 === 0 ? options.steps / 2 : undefined
    while (run.steps < options.steps) await run.step(run.steps === processAt)
    await run.end()
    return run.tally
  } catch (error) {
    const { seed, sequence } = options
    throw new Error(`seed ${seed}, sequence ${sequence}, step ${run.steps + 1}:\n${run.log.slice(-12).join('\n')}`, {
      cause: error,
    })
  } finally {
    await run.close()
  }
}

class GroupRun {
  readonly log: string[] = []
  readonly tally: StepTally = new Map()
  /** That did something. */
  steps = 0
  readonly #chance: Chance
  readonly #path: string
  readonly #trees: GroupTrees
  /** That work of a kind took when it was met last. */
  readonly #stepsOf = new Map<WorkKind, number>()
  #repo: Repository | undefined

  constructor(private readonly options: GroupRunOptions) {
    this.#chance = new Chance('group', options.seed, options.sequence)
    this.#trees = new GroupTrees(this.#chance, `${options.seed}/${options.sequence}`)
    this.#path = join(options.folder, 'store.varve')
  }

  get #open(): Repository {
    if (!this.#repo) throw new Error('the store is not open')
    return this.#repo
  }

  async start(): Promise<void> {
    this.#repo = await Repository.create(this.#path, SMALL)
    await this.#commit()
  }

  async close(): Promise<void> {
    await this.#repo?.close()
    this.#repo = undefined
  }

  async #reopen(): Promise<Repository> {
    await this.close()
    this.#repo = await Repository.open(this.#path)
    return this.#repo
  }

  async end(): Promise<void> {
    this.log.push('the end')
    await this.#requireSound()
    for (let age = 0; age < this.#trees.kept; age++) await this.#requireTree(age)
  }

  /** Tries something: what was refused, or found nothing to do, does not count. */
  async step(isProcess: boolean): Promise<void> {
    if (this.#chance.below(12) === 0) await this.#reopen()
    const linesBefore = this.log.length
    const kind = isProcess ? await this.#killProcess() : await this.#something()
    if (this.log.length === linesBefore) return
    await this.#requireTree(0)
    if (this.#trees.kept > 1) await this.#requireTree(this.#chance.between(1, this.#trees.kept - 1))
    if (kind === undefined) return
    this.tally.set(kind, (this.tally.get(kind) ?? 0) + 1)
    if (++this.steps % VERIFY_EVERY === 0) await this.#requireSound()
  }

  /** @returns its kind, once it is done */
  #something(): Promise<string | undefined> {
    const steps: readonly (readonly [number, () => Promise<string | undefined>])[] = [
      ...WORK.map(([weight, kind]) => [weight, () => this.#work(kind)] as const),
      [8, () => this.#kill()],
      [4, () => this.#lose()],
      [4, () => this.#rot()],
    ]
    let drawn = this.#chance.below(steps.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, take] of steps) {
      drawn -= weight
      if (drawn < 0) return take()
    }
    throw new Error('nothing was drawn')
  }

  #note(text: string): void {
    this.log[this.log.length - 1] += ` ${text}`
  }

  // ---- what is read, and what is expected ----

  /** @param age 0 is the newest */
  async #requireTree(age: number): Promise<void> {
    const tree = this.#trees.commits.at(-1 - age)
    const snapshot = await this.#open.at(`main~${age}`)
    const found = new Set<string>()
    for await (const { kind, path } of snapshot.walk()) {
      if (kind !== 'file') continue
      found.add(path)
      if (!(await snapshot.read(path)).equals(tree?.get(path) ?? Buffer.alloc(0))) throw new Error(`${path} differs`)
    }
    if (found.size !== tree?.size) throw new Error(`main~${age} has ${[...found].join(' ')}`)
  }

  async #requireSound(heal = false): Promise<void> {
    const { problems } = await this.#open.verify({ heal })
    if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3)))
  }

  // ---- what is asked for ----

  async #work(kind: WorkKind): Promise<string | undefined> {
    const work = await this.#draw(kind)
    if (!work) return undefined
    this.log.push(`${kind} ${work.text}`)
    let isDone = false
    const refusal = await refusalOf(async () => {
      isDone = await work.run(this.#open)
    })
    this.#note(refusal ?? (isDone ? 'done' : 'nothing to do'))
    if (isDone && work.tree) this.#trees.commits.push(work.tree)
    return isDone ? kind : undefined
  }

  #draw(kind: WorkKind): Promise<Work | undefined> {
    return drawWork({ chance: this.#chance, trees: this.#trees, folder: this.options.folder }, this.#open, kind)
  }

  async #commit(): Promise<void> {
    if ((await this.#work('commit')) === undefined) this.#note('not committed')
  }

  /** What lacks is brought, if it can be. */
  async #repair(): Promise<void> {
    for (const { name } of await this.#open.logicalVolumes())
      await refusalOf(() => this.#open.convertLogicalVolume(name))
  }

  // ---- what goes wrong ----

  /** Of another process, it seems, beside this one or alone. Whatever it was, it is done or it is not. */
  async #kill(): Promise<string | undefined> {
    const work = await this.#draw(this.#chance.pick(KILLED))
    if (!work) return undefined
    const { kind } = work
    const diesAt = this.#chance.between(1, this.#stepsOf.get(kind) ?? STEPS_GUESSED)
    this.log.push(`kill ${kind} ${work.text} at ${diesAt}`)
    if (this.#chance.below(2) === 0) await this.close()
    const { isKilled, steps } = await doomed(diesAt, async () => {
      const repo = await Repository.open(this.#path)
      await refusalOf(() => work.run(repo))
      await repo.close()
    })
    this.#stepsOf.set(kind, isKilled ? Math.max(steps * 2, STEPS_GUESSED) : steps)
    this.#note(isKilled ? 'killed' : `ended after ${steps}`)
    const repo = this.#repo ?? (await this.#reopen())
    repo.parts.group.catalog.write((tx) => tx.run('UPDATE lease SET pid = ? WHERE pid = ?', NOBODY, process.pid))
    await this.#lookAfterKill(work)
    return isKilled ? `killed ${kind}` : undefined
  }

  /** A real one, killed at any moment. */
  async #killProcess(): Promise<string | undefined> {
    const { folder, script } = this.options
    const work = await this.#draw(this.#chance.pick(KILLED))
    if (!work) return undefined
    const args = [...work.args]
    if (work.tree) {
      const source = join(folder, 'source')
      await rm(source, { recursive: true, force: true })
      for (const [path, bytes] of work.tree) {
        await mkdir(dirname(join(source, path)), { recursive: true })
        await writeFile(join(source, path), bytes)
      }
      args.push(source)
    }
    this.log.push(`kill the process ${args.slice(0, 2).join(' ')}`)
    if (this.#chance.below(2) === 0) await this.close()
    const child = spawn(process.execPath, [script, '--store', this.#path, ...args], { stdio: 'ignore' })
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)))
    const stop = new AbortController()
    const late = sleep(this.#chance.between(KILL_FIRST_MS, KILL_LAST_MS), undefined, { signal: stop.signal })
    await Promise.race([ended, late.catch(() => undefined)])
    stop.abort()
    child.kill('SIGKILL')
    const isKilled = (await ended) !== null
    if (!this.#repo) await this.#reopen()
    await this.#lookAfterKill(work)
    return isKilled ? 'killed process' : undefined
  }

  async #lookAfterKill({ tree }: Work): Promise<void> {
    const head = await this.#open.at('main')
    if (tree && (await head.read('number')).equals(tree.get('number') ?? Buffer.alloc(0)))
      this.#trees.commits.push(tree)
    await this.#requireSound()
    // Now and then: what it left half done is met by what comes next.
    if (this.#chance.below(2) === 0) await this.#repair()
  }

  /** Whether any one volume can be lost: asked for twice, and there twice. */
  async #isMirrored(): Promise<boolean> {
    const volumes = await this.#open.logicalVolumes()
    return volumes.every(
      ({ copies, extents, lackingCopies, branches }) =>
        (copies > 1 && lackingCopies === 0) || (extents === 0 && branches.length === 0),
    )
  }

  async #lose(): Promise<string | undefined> {
    if (!(await this.#isMirrored())) return undefined
    const { physicalVolumes } = await this.#open.volumeGroup()
    const others = physicalVolumes.filter(({ number, extents }) => number !== 0 && extents > 0)
    if (others.length === 0) return undefined
    const { number, path } = this.#chance.pick(others)
    const how = this.#chance.pick(LOSSES)
    this.log.push(`lose ${number} ${how}`)
    await this.close()
    const aside = `${path}.aside`
    if (how === 'old') {
      copyFileSync(path, aside)
      await this.#reopen()
      for (let count = 0; count < 3; count++) await this.#commit()
      await this.close()
    } else if (how === 'away') renameSync(path, aside)
    if (how === 'gone') rmSync(path)
    if (how === 'spoilt') writeFileSync(path, noise(path, 20_000))
    if (how === 'old') renameSync(aside, path)
    const repo = await this.#reopen()
    for (let age = 0; age < this.#trees.kept; age++) await this.#requireTree(age)
    await this.#commit()
    const isAbsent = repo.absentVolumes.length > 0
    // An old copy is as good as a new one where nothing came to it meanwhile.
    if (repo.absentVolumes.length !== 1 && (isAbsent || how !== 'old'))
      throw new Error(`${repo.absentVolumes.length} volumes are not there`)
    if (how === 'old' && isAbsent) await repo.restorePhysicalVolume(String(number))
    else if (how === 'away') {
      renameSync(aside, path)
      await this.#reopen()
    } else if (how !== 'old') {
      await this.#doWithout(number)
      rmSync(path, { force: true })
    }
    await this.#requireSound()
    return `lost ${how}`
  }

  /** For good. */
  async #doWithout(number: number): Promise<void> {
    const repo = this.#open
    await repo.extendVolumeGroup(join(this.options.folder, `pv-${this.#trees.next()}.varve`))
    if (this.#chance.below(2) === 0) await this.#repair()
    for (const { number: other } of (await repo.volumeGroup()).physicalVolumes)
      await repo.changePhysicalVolume(String(other), { allocatable: true })
    // It may be one of those that were named.
    await repo.convertLogicalVolume('default', { physicalVolumes: [] })
    await repo.reduceVolumeGroup(String(number), { missing: true })
    await this.#repair()
  }

  async #rot(): Promise<string | undefined> {
    if (!(await this.#isMirrored())) return undefined
    const { catalog } = this.#open.parts.group
    const copies = catalog.all<{ eid: number; pv: number }>('SELECT eid, pv FROM copy ORDER BY eid, pv')
    const { eid, pv } = this.#chance.pick(copies)
    const how = this.#chance.pick(ROTS)
    this.log.push(`rot of extent ${eid} on ${pv}: ${how}`)
    const volume = this.#open.parts.group.volume(pv)
    if (!volume) throw new Error(`volume ${pv} is not there`)
    if (how === 'flipped') change(volume.location, flip(eid))
    if (how === 'gone') await volume.remove([eid])
    if (how === 'other') {
      const other = copies.find((copy) => copy.pv === pv && copy.eid !== eid)
      const extent = other && (await volume.read(other.eid))
      if (!extent) return undefined
      const hashes = await volume.chunksOf(extent.eid)
      const staged = await volume.stage([{ ...extent, eid, hashes }], 0, { replaces: true })
      catalog.write(() => staged.complete())
    }
    if (this.#chance.below(2) === 0) await this.#reopen()
    // No sound copy may go for it.
    if (this.#chance.below(2) === 0) await this.#work(this.#chance.pick(['convert', 'move', 'balance']))
    await this.#requireTree(this.#chance.below(this.#trees.kept))
    if (this.#chance.below(3) === 0) {
      const { problems } = await this.#open.scrub({ restart: true })
      if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3)))
    } else await this.#requireSound(true)
    return `rot ${how}`
  }
}
