/**
 * Random sequences of what operators do to a volume group while people commit, beside a model that knows what each commit holds.
 * After each step the newest commit and an older one are what the model says; nothing else counts.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isVarveError } from '../../../src/base/errors.js'
import { Repository } from '../../../src/repository.js'
import { Chance, noise } from '../../crash/support/chance.js'
import { change, flip } from '../../support/mirrored.js'

type Tree = ReadonlyMap<string, Buffer>

export interface GroupRunOptions {
  readonly seed: string
  readonly sequence: number
  readonly steps: number
  readonly folder: string
  /** What `process.execPath` runs as varve: some steps are its, and it is killed. */
  readonly script: string
}

const VOLUMES_MOST = 5
const FILES = ['a', 'b', 'c/d', 'c/e', 'long']
const SMALL = { chunkBytes: 1024, extentBytes: 65_536 } as const
const SIZE_MOST = 30_000
/** Longer than what is written in one transaction. */
const LONG_BYTES = 1_300_000
const KILL_MOST_MS = 500
const ALL = { problems: [] }

export async function runGroup(options: GroupRunOptions): Promise<readonly string[]> {
  const run = new GroupRun(options)
  try {
    await run.start()
    for (let step = 1; step <= options.steps; step++) await run.step()
    await run.end()
    return run.log
  } catch (error) {
    throw new Error(`seed ${options.seed}, sequence ${options.sequence}:\n${run.log.slice(-12).join('\n')}`, {
      cause: error,
    })
  } finally {
    await run.close()
  }
}

class GroupRun {
  readonly log: string[] = []
  readonly #chance: Chance
  readonly #path: string
  readonly #commits: Tree[] = []
  #repo: Repository | undefined
  #made = 0

  constructor(private readonly options: GroupRunOptions) {
    this.#chance = new Chance('group', options.seed, options.sequence)
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
    this.log.push('verify')
    await this.#requireSound()
    for (let age = 0; age < this.#commits.length; age++) await this.#requireTree(age)
  }

  async step(): Promise<void> {
    const steps: readonly (readonly [number, string, () => Promise<unknown>])[] = [
      [24, 'commit', () => this.#commit()],
      [6, 'extend', () => this.#extend()],
      [9, 'convert', () => this.#convert()],
      [7, 'move', () => this.#move()],
      [4, 'balance', () => this.#maybe(() => this.#open.balanceVolumeGroup())],
      [4, 'allocatable', () => this.#setAllocatable()],
      [6, 'reduce', () => this.#reduce()],
      [5, 'gc', () => this.#maybe(() => this.#open.gc({ now: true }))],
      [2, 'pack', () => this.#maybe(() => this.#open.pack())],
      [6, 'kill', () => this.#kill()],
      [5, 'lose', () => this.#lose()],
      [5, 'rot', () => this.#rot()],
      [5, 'reopen', () => this.#reopen()],
      [3, 'verify', () => this.#requireSound()],
    ]
    let drawn = this.#chance.below(steps.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, name, take] of steps) {
      drawn -= weight
      if (drawn >= 0) continue
      this.log.push(name)
      await take()
      break
    }
    await this.#requireTree(0)
    if (this.#commits.length > 1) await this.#requireTree(this.#chance.below(this.#commits.length))
  }

  #note(text: string): void {
    this.log[this.log.length - 1] += ` ${text}`
  }

  /** Refusals are answers too, as long as nothing came of them. */
  async #maybe(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      const codes = ['INVALID_ARGUMENT', 'PV_IN_USE', 'VG_FULL', 'PV_NOT_FOUND'] as const
      if (!isVarveError(error, ...codes)) throw error
      this.#note(`(${error.code})`)
      return false
    }
  }

  // ---- what is read, and what is expected ----

  /** @param age 0 is the newest */
  async #requireTree(age: number): Promise<void> {
    const tree = this.#commits[this.#commits.length - 1 - age] as Tree
    const snapshot = await this.#open.at(`main~${age}`)
    const found = new Set<string>()
    for await (const { kind, path } of snapshot.walk()) {
      if (kind !== 'file') continue
      found.add(path)
      if (!(await snapshot.read(path)).equals(tree.get(path) ?? Buffer.alloc(0))) throw new Error(`${path} differs`)
    }
    if (found.size !== tree.size) throw new Error(`main~${age} has ${[...found].join(' ')}`)
  }

  async #requireSound(): Promise<void> {
    const { problems } = await this.#open.verify()
    if (problems.length > ALL.problems.length) throw new Error(JSON.stringify(problems.slice(0, 3)))
  }

  // ---- commits ----

  #edited(): Tree {
    const tree = new Map(this.#commits.at(-1) ?? [])
    for (let edits = this.#chance.between(1, 3); edits > 0; edits--) {
      const path = this.#chance.pick(FILES)
      const before = tree.get(path)
      const seed = `${this.options.seed}/${this.options.sequence}/${this.#made++}`
      if (path === 'long' && this.#chance.below(3) > 0) continue
      if (before && this.#chance.below(3) > 0) {
        const bytes = Buffer.from(before)
        noise(seed, 40).copy(bytes, this.#chance.below(Math.max(1, bytes.length)))
        tree.set(path, bytes)
      } else tree.set(path, noise(seed, path === 'long' ? LONG_BYTES : this.#chance.between(1, SIZE_MOST)))
    }
    // Nothing that was there before: each commit is one.
    tree.set('number', Buffer.from(`${this.#made++}`))
    return tree
  }

  async #commit(): Promise<boolean> {
    const tree = this.#edited()
    const done = await this.#maybe(async () => {
      const draft = await this.#open.draft('main')
      for (const [path, bytes] of tree) await draft.write(path, bytes)
      await draft.commit({ message: 'edited', author: 'Model <model@example.org>' })
    })
    if (done) this.#commits.push(tree)
    return done
  }

  // ---- volumes ----

  async #volumes(): Promise<{ number: number; path: string; allocatable: boolean; extents: number }[]> {
    return [...(await this.#open.volumeGroup()).physicalVolumes]
  }

  async #extend(): Promise<void> {
    if ((await this.#volumes()).length >= VOLUMES_MOST) return
    const file = join(this.options.folder, `pv-${this.#made++}.varve`)
    const { number } = await this.#open.extendVolumeGroup(file)
    this.#note(String(number))
  }

  async #convert(): Promise<void> {
    const volumes = await this.#volumes()
    const copies = this.#chance.between(1, Math.min(3, volumes.length))
    const own = this.#chance.below(3) === 0 ? volumes.filter(() => this.#chance.below(2) === 0) : undefined
    const physicalVolumes = own?.map(({ number }) => String(number))
    const plain = this.#chance.pick(['linear', 'striped'] as const)
    const type = copies > 1 ? 'mirrored' : plain
    this.#note(`${type} ${copies} ${physicalVolumes?.join(',') ?? 'as before'}`)
    await this.#maybe(() => this.#open.convertLogicalVolume('default', { type, copies, physicalVolumes }))
  }

  async #move(): Promise<void> {
    const { number } = this.#chance.pick(await this.#volumes())
    this.#note(String(number))
    await this.#maybe(() => this.#open.movePhysicalVolume(String(number)))
  }

  async #setAllocatable(): Promise<void> {
    const { number, allocatable } = this.#chance.pick(await this.#volumes())
    this.#note(`${number} ${!allocatable}`)
    await this.#open.changePhysicalVolume(String(number), { allocatable: !allocatable })
  }

  async #reduce(): Promise<void> {
    const volumes = await this.#volumes()
    const empty = volumes.filter(({ extents }) => extents === 0)
    const { number } = this.#chance.pick(empty.length > 0 && this.#chance.below(4) > 0 ? empty : volumes)
    this.#note(String(number))
    await this.#maybe(() => this.#open.reduceVolumeGroup(String(number)))
  }

  // ---- what goes wrong ----

  /** A command of its own process, killed somewhere. Whatever it was, it is done or it is not. */
  async #kill(): Promise<void> {
    const { folder, script } = this.options
    const { number } = this.#chance.pick(await this.#volumes())
    const source = join(folder, 'source')
    const tree = this.#edited()
    const command = this.#chance.pick([
      ['commit', '--from', source, '-m', 'killed', '--no-progress'],
      ['lv', 'convert', 'default', '-m', String(this.#chance.below(3))],
      ['pv', 'move', String(number)],
      ['vg', 'extend', join(folder, `pv-${this.#made++}.varve`)],
      ['vg', 'reduce', String(number)],
      ['vg', 'balance'],
      ['gc', '--now'],
      ['pack'],
    ])
    if (command[0] === 'vg' && command[1] === 'extend' && (await this.#volumes()).length >= VOLUMES_MOST) return
    this.#note(command.slice(0, 2).join(' '))
    if (command[0] === 'commit') {
      await rm(source, { recursive: true, force: true })
      for (const [path, bytes] of tree) {
        await mkdir(dirname(join(source, path)), { recursive: true })
        await writeFile(join(source, path), bytes)
      }
    }
    if (this.#chance.below(2) === 0) await this.close()
    const child = spawn(process.execPath, [script, '--store', this.#path, ...command], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.on('close', resolve))
    await Promise.race([ended, sleep(this.#chance.below(KILL_MOST_MS))])
    child.kill('SIGKILL')
    await ended
    const repo = this.#repo ?? (await this.#reopen())
    const head = await repo.at('main')
    if ((await head.read('number')).equals(tree.get('number') ?? Buffer.alloc(0))) this.#commits.push(tree)
    await this.#requireSound()
    await this.#maybe(() => repo.convertLogicalVolume('default'))
  }

  /** Whether any one volume can be lost: asked for twice, and there twice. */
  async #isMirrored(): Promise<boolean> {
    const [volume] = await this.#open.logicalVolumes()
    return volume !== undefined && volume.copies > 1 && volume.lackingCopies === 0
  }

  async #lose(): Promise<void> {
    if (!(await this.#isMirrored())) return
    const others = (await this.#volumes()).filter(({ number, extents }) => number !== 0 && extents > 0)
    if (others.length === 0) return
    const { number, path } = this.#chance.pick(others)
    const how = this.#chance.pick(['away', 'gone', 'spoilt', 'old'])
    this.#note(`${number} ${how}`)
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
    await this.#requireTree(0)
    await this.#requireTree(this.#chance.below(this.#commits.length))
    await this.#commit()
    // An old copy is as good as a new one where nothing came to it meanwhile.
    if (repo.absentVolumes.length === 0 && how === 'old') return
    if (repo.absentVolumes.length !== 1) throw new Error(`${repo.absentVolumes.length} volumes are not there`)
    if (how === 'old') {
      await repo.restorePhysicalVolume(String(number))
      return this.#requireSound()
    }
    if (how === 'away') {
      renameSync(aside, path)
      await this.#reopen()
      return this.#requireSound()
    }
    await repo.extendVolumeGroup(join(this.options.folder, `pv-${this.#made++}.varve`))
    if (this.#chance.below(2) === 0) await this.#maybe(() => repo.convertLogicalVolume('default'))
    for (const { number: other } of await this.#volumes())
      await repo.changePhysicalVolume(String(other), { allocatable: true })
    // It may be one of those that were named.
    await repo.convertLogicalVolume('default', { physicalVolumes: [] })
    await repo.reduceVolumeGroup(String(number), { missing: true })
    await this.#maybe(() => repo.convertLogicalVolume('default'))
    await this.#requireSound()
    if (existsSync(path)) rmSync(path)
  }

  async #rot(): Promise<void> {
    if (!(await this.#isMirrored())) return
    const { catalog } = this.#open.parts.group
    const copies = catalog.all<{ eid: number; pv: number }>('SELECT eid, pv FROM copy ORDER BY eid, pv')
    const { eid, pv } = this.#chance.pick(copies)
    this.#note(`extent ${eid} on ${pv}`)
    change(this.#open.parts.group.volume(pv)?.location ?? '', flip(eid))
    if (this.#chance.below(2) === 0) await this.#reopen()
    await this.#requireTree(this.#chance.below(this.#commits.length))
    const { problems } = await this.#open.verify({ heal: true })
    if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3)))
  }
}
