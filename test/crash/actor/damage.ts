import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Repository, type VerifyReport } from '../../../src/index.js'
import { copyStore, type Damage, type Outcome, type Subject } from '../support/damage.js'
import { STORE_NAME } from '../support/stores.js'
import { type Answer, ask, type Survey, survey } from '../support/survey.js'
import { say } from './say.js'

/** Tries one damage after the other, from number `first` on, and says what came of each. */
export async function damageAndLook(subjectFile = '', damagesFile = '', first = ''): Promise<void> {
  const subject = JSON.parse(readFileSync(subjectFile, 'utf8')) as Subject
  const damages = JSON.parse(readFileSync(damagesFile, 'utf8')) as Damage[]
  for (let index = Number(first); index < damages.length; index++) {
    copyStore(subject.saved, subject.live)
    inflict(subject.live, damages[index] as Damage)
    say(JSON.stringify(await look(subject, index, (damages[index] as Damage).place)))
  }
}

function inflict(folder: string, { file, bit, lengthBytes }: Damage): void {
  const path = join(folder, file)
  if (bit === undefined) {
    truncateSync(path, lengthBytes)
    return
  }
  const bytes = readFileSync(path)
  const at = Math.floor(bit / 8)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
  writeFileSync(path, bytes)
}

async function look({ live, questions, truth }: Subject, index: number, place: string): Promise<Outcome> {
  let repo: Repository | undefined
  const opening = await ask(async () => {
    // A lock that nobody holds is damage as well, and not worth waiting for.
    repo = await Repository.open(join(live, STORE_NAME), { lockTimeoutMs: 500 })
  })
  if (!repo) {
    const refused = opening.is === 'refused' ? opening.code : 'fault'
    return { index, unseen: false, refused, codes: [refused], problems: complaints({ open: opening }, {}, place) }
  }
  const opened = repo
  const answers = await survey(opened, questions)
  const problems = complaints(answers, truth, place)
  const sound = Object.entries(answers).every(([name, answer]) => isTrue(answer, truth[name]))
  let verified: VerifyReport | undefined
  const verifying = await ask(async () => {
    verified = await opened.verify()
  })
  if (verifying.is !== 'told') problems.push(`verify ended with ${text(verifying)}`)
  if (verified?.ok && !sound) problems.push('verify found nothing')
  const closing = await ask(() => opened.close())
  if (closing.is === 'fault') problems.push(`close ended with ${closing.text}`)
  const codes = Object.values(answers).flatMap((answer) => (answer.is === 'refused' ? [answer.code] : []))
  for (const { code } of verified?.problems ?? []) codes.push(`verify ${code}`)
  return { index, unseen: sound && verified?.ok === true, refused: undefined, codes: [...new Set(codes)], problems }
}

function isTrue(answer: Answer, truth: Answer | undefined): boolean {
  return answer.is === 'told' && truth?.is === 'told' && answer.digest === truth.digest
}

/** One damage spoils many answers alike: a few will do. */
const MAX_COMPLAINTS = 4

/** Answers that neither hold nor say what is hit. */
function complaints(answers: Survey, truth: Survey, place: string): string[] {
  const all = Object.entries(answers).flatMap(([name, answer]) => {
    if (answer.is === 'fault') return [`${name} ended with ${answer.text}`]
    if (answer.is === 'refused') {
      // That something does not exist is no way of saying that it is damaged, unless its name is what was damaged.
      const denied = answer.code === 'UNKNOWN_REVISION' && place === 'payload'
      return answer.namesPlace && !denied ? [] : [`${name} does not say what is hit: ${text(answer)}`]
    }
    return isTrue(answer, truth[name]) ? [] : [`${name} is wrong, and nobody said so`]
  })
  return all.length > MAX_COMPLAINTS
    ? [...all.slice(0, MAX_COMPLAINTS), `and ${all.length - MAX_COMPLAINTS} more`]
    : all
}

function text(answer: Answer): string {
  return answer.is === 'refused' ? `${answer.code}: ${answer.message}` : JSON.stringify(answer)
}
