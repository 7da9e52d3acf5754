/**
 * Flipped bits and cut-off files, one at a time, each followed by a look at everything the store tells.
 *
 * A sound answer, or an error of ours that says what is hit; never another answer, another error, a hang or a dead
 * process. And verify finds fault whenever any answer was not sound. Damage in bytes that nothing uses may pass unseen.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KIB } from '../../../src/base/units.js'
import type { Repository } from '../../../src/index.js'
import { SqlDatabase } from '../../../src/volume/sqlite.js'
import type { Stage } from './actor.js'
import { type Chance, noise, squeezableNoise } from './chance.js'
import { createSpread, repeatable } from './stores.js'
import { type Questions, questionsFor, type Survey, survey } from './survey.js'

export interface Damage {
  /** A file's name in the store's folder. */
  readonly file: string
  /** Where it lies: a table or index, `header`, `free page`; or `cut`. */
  readonly place: string
  /** The bit that is flipped, from the file's start; or the length the file is cut to. */
  readonly bit?: number
  readonly lengthBytes?: number
}

/** What the process that damages works on. */
export interface Subject {
  /** Where the store lies while it is asked, always the same: layouts know their place. */
  readonly live: string
  /** Its files, sound. */
  readonly saved: string
  readonly questions: Questions
  readonly truth: Survey
}

/** What became of one damage. */
export interface Outcome {
  readonly index: number
  /** Nothing was told but the truth, and verify found nothing. */
  readonly unseen: boolean
  /** It could not be opened; the error's code. */
  readonly refused: string | undefined
  /** Codes of the errors that answers ended with. */
  readonly codes: readonly string[]
  readonly problems: readonly string[]
}

export interface DamageReport {
  done: number
  unseen: number
  /** Stores that did not open any more. */
  refused: number
  /** Stores that opened, with a fault found. */
  found: number
  readonly codes: Map<string, number>
  readonly problems: string[]
}

const SUBJECT_FILE = 'subject.json'

/** A small store with something of everything, closed, with a sound copy aside. */
export async function makeSubject(folder: string, pvs: number, seed: string): Promise<Subject> {
  const [live, saved] = [join(folder, 'live'), join(folder, 'saved')]
  for (const path of [live, saved]) mkdirSync(path)
  const repo = await createSpread(live, pvs, {
    ...repeatable(seed),
    extentBytes: 128 * KIB,
    chunkBytes: 4 * KIB,
  })
  await repo.config.set('author', 'Ada Lovelace <ada@example.org>')
  await repo.config.set('compression', 'zstd:1')
  await fill(repo, seed)
  const questions = await questionsFor(repo)
  const truth = await survey(repo, questions)
  const { ok } = await repo.verify()
  await repo.close()
  const unsound = Object.entries(truth).filter(([, answer]) => answer.is !== 'told')
  if (!ok || unsound.length > 0) throw new Error(`the store was damaged before: ${JSON.stringify(unsound.slice(0, 3))}`)
  const subject = { live, saved, questions, truth }
  for (const name of readdirSync(live)) {
    if (/-(wal|shm|journal)$/.test(name) && statSync(join(live, name)).size > 0) throw new Error(`${name} is not empty`)
  }
  copyStore(live, saved)
  writeFileSync(join(folder, SUBJECT_FILE), JSON.stringify(subject))
  return subject
}

function subjectFile(folder: string): string {
  return join(folder, SUBJECT_FILE)
}

async function fill(repo: Repository, seed: string): Promise<void> {
  for (let round = 0; round < 4; round++) {
    const draft = await repo.draft('main')
    for (let index = 0; index < 30; index++) {
      if (index % 4 === round || round === 0)
        await draft.write(`notes/${index}.txt`, `note ${index} of round ${round}\n`)
    }
    await draft.write(`binary/${round}.bin`, noise(`${seed}:binary:${round}`, 40_000))
    await draft.write('text.txt', squeezableNoise(`${seed}:text:${round}`, 150_000))
    await draft.write('same.bin', Buffer.alloc(200_000, round))
    await draft.write('empty', '')
    await draft.write('run.sh', '#!/bin/sh\n', { executable: true })
    if (round === 1) await draft.symlink('notes/1.txt', 'link')
    if (round === 0) await draft.write('grown.bin', noise(`${seed}:grown`, 20_000))
    else await draft.writeAt('grown.bin', 15_000 * round, noise(`${seed}:grown:${round}`, 40_000))
    await draft.commit({ message: `Round ${round}\n\nWith a body of text.` })
    if (round < 2) await repo.createTag(`v${round}`, 'main', { message: `Tag ${round}` })
  }
  await repo.createBranch('side', 'main~1')
  const draft = await repo.draft('side')
  await draft.remove('notes')
  await draft.commit({ message: 'Without notes' })
  await repo.createBranch('gone', 'main')
  await repo.deleteBranch('gone')
}

/** Brings `to` to what `from` holds. */
export function copyStore(from: string, to: string): void {
  for (const name of readdirSync(to)) rmSync(join(to, name))
  for (const name of namesOf(from)) writeFileSync(join(to, name), readWhole(join(from, name)))
}

const held = new Map<string, Buffer>()

/** Sound files are read once: they never change. */
function readWhole(path: string): Buffer {
  const known = held.get(path)
  if (known) return known
  const bytes = readFileSync(path)
  held.set(path, bytes)
  return bytes
}

function namesOf(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.varve'))
}

interface Page {
  readonly file: string
  /** Of the table or index; `header` for the first bytes of the file. */
  readonly name: string
  readonly offset: number
  readonly size: number
}

function pagesOf({ saved }: Subject): Page[] {
  return namesOf(saved).flatMap((file) => {
    const database = SqlDatabase.open(join(saved, file), { lockTimeoutMs: 1000, readOnly: true })
    const pages = database.all<Omit<Page, 'file'>>(
      'SELECT name, pgoffset AS offset, pgsize AS size FROM dbstat ORDER BY pgoffset',
    )
    database.close()
    return [{ name: 'header', offset: 0, size: HEADER_BYTES }, ...pages].map((page) => ({ file, ...page }))
  })
}

const HEADER_BYTES = 100

/** Bits all over the files, each byte as likely as any other. */
export function randomFlips(subject: Subject, count: number, chance: Chance): Damage[] {
  const pages = pagesOf(subject)
  const files = namesOf(subject.saved).map((file) => ({ file, sizeBytes: statSync(join(subject.saved, file)).size }))
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return Array.from({ length: count }, () => {
    let offset = chance.below(total)
    const { file } = files.find(({ sizeBytes }) => {
      if (offset < sizeBytes) return true
      offset -= sizeBytes
      return false
    }) as { file: string }
    const hit = pages.find((page) => page.file === file && offset >= page.offset && offset < page.offset + page.size)
    return { file, place: hit?.name ?? 'free page', bit: offset * 8 + chance.below(8) }
  })
}

/** Bits in the header of every file and in the pages of every table, which random ones seldom hit. */
export function chosenFlips(subject: Subject, count: number, chance: Chance): Damage[] {
  const targets = new Map<string, Page[]>()
  for (const page of pagesOf(subject)) {
    const key = `${page.file} ${page.name}`
    targets.set(key, [...(targets.get(key) ?? []), page])
  }
  const tables = [...targets.values()]
  return Array.from({ length: count }, (_, index) => {
    const { file, name, offset, size } = chance.pick(tables[index % tables.length] as Page[])
    // Every other one where a page says what lies in it: its header and cell pointers.
    const within = name !== 'header' && chance.next() < 0.5 ? 40 : size
    return { file, place: name, bit: (offset + chance.below(within)) * 8 + chance.below(8) }
  })
}

/** Every file, cut at several places. */
export function cuts({ saved }: Subject): Damage[] {
  return namesOf(saved).flatMap((file) => {
    const { size } = statSync(join(saved, file))
    const lengths = [0, 1, 99, 100, 512, 4096, 8192, Math.floor(size / 2), size - 4096, size - 1]
    return [...new Set(lengths)].map((lengthBytes) => ({ file, place: 'cut', lengthBytes }))
  })
}

function describeDamage({ file, place, bit, lengthBytes }: Damage): string {
  if (bit === undefined) return `${file} cut to ${lengthBytes} bytes`
  return `${file} (${place}): bit ${bit % 8} of byte ${Math.floor(bit / 8)}`
}

/** Has a process of its own try them all: a native fault must not end the one that counts. */
export async function tryDamage(
  stage: Stage,
  folder: string,
  damages: readonly Damage[],
  onOutcome?: (outcome: Outcome, damage: Damage) => void,
): Promise<DamageReport> {
  const report: DamageReport = { done: 0, unseen: 0, refused: 0, found: 0, codes: new Map(), problems: [] }
  const list = join(folder, 'damages.json')
  writeFileSync(list, JSON.stringify(damages))
  for (let next = 0; next < damages.length; ) {
    const actor = stage.enter('damage', [subjectFile(folder), list, String(next)])
    while (next < damages.length) {
      const line = await actor.hear(120_000)
      const damage = damages[next] as Damage
      next++
      report.done++
      if (line === undefined) {
        actor.kill()
        const { code, signal, stderr } = await actor.ended
        const how =
          signal === 'SIGKILL' ? 'it hung' : `the process ended with ${signal ?? code}: ${stderr.slice(-2000)}`
        report.problems.push(`${describeDamage(damage)}: ${how}`)
        break
      }
      const outcome = JSON.parse(line) as Outcome
      if (outcome.unseen) report.unseen++
      else if (outcome.refused !== undefined) report.refused++
      else report.found++
      for (const code of outcome.codes) report.codes.set(code, (report.codes.get(code) ?? 0) + 1)
      for (const problem of outcome.problems) report.problems.push(`${describeDamage(damage)}: ${problem}`)
      onOutcome?.(outcome, damage)
    }
    actor.kill()
    await actor.ended
  }
  return report
}
