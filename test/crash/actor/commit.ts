import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Repository } from '../../../src/index.js'
import { DRAFT_BRANCH, type Plan, plannedStep } from '../support/plan.js'
import { say } from './say.js'

/** Commits one planned step after the other, and says so after each that was acknowledged. */
export async function commitUntilKilled(store = '', seed = '', bigEvery = '', round = '', folder = ''): Promise<void> {
  const plan: Plan = { seed, bigEvery: Number(bigEvery) }
  const repo = await Repository.open(store)
  say('ready')
  for (let step = 0; ; step++) {
    const { branch, message, files } = plannedStep(plan, Number(round), step)
    let id: string | undefined
    if (branch === DRAFT_BRANCH) {
      const draft = await repo.draft(branch)
      for (const file of files) await draft.write(file.path, file.bytes)
      id = (await draft.commit({ message })).id
    } else {
      writeFolder(folder, files)
      const onProgress = ({ phase }: { phase: string }): void => {
        if (phase === 'publish') say('publishing')
      }
      id = (await repo.commitFrom(folder, { branch, message, allowEmpty: true, onProgress })).commit?.id
    }
    say(`ack ${branch} ${step} ${id}`)
  }
}

export function writeFolder(folder: string, files: readonly { readonly path: string; readonly bytes: Buffer }[]): void {
  rmSync(folder, { recursive: true, force: true })
  for (const { path, bytes } of files) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
}
