/** A benchmark of its own with two options, `--work` and `--out`: reads them, runs it, and writes what came out. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { inWorkFolder } from './workFolder.js'

export interface Scenario<Results extends { readonly date: string }> {
  readonly name: string
  readonly usage: string
  run(workFolder: string): Promise<Results>
  markdown(results: Results): string
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** @returns the exit status */
export async function runScenario<Results extends { readonly date: string }>(
  { name, usage, run, markdown }: Scenario<Results>,
  args: readonly string[],
): Promise<number> {
  const text = { type: 'string' } as const
  let values: { work?: string | undefined; out?: string | undefined; help?: boolean | undefined }
  try {
    values = parseArgs({ args: [...args], options: { work: text, out: text, help: { type: 'boolean' } } }).values
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    return 2
  }
  if (values.help) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const results = await inWorkFolder(values.work, run)
  const path =
    values.out?.replace(/\.(md|json)$/, '') ?? join(import.meta.dirname, 'results', `${results.date}-${name}`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.md`, markdown(results))
  writeFileSync(`${path}.json`, `${JSON.stringify(results, undefined, 1)}\n`)
  process.stdout.write(markdown(results))
  say(`written: ${path}.md and .json`)
  return 0
}
