/**
 * Runs plans and keeps medians: `matrix.ts OUT.json SCRATCH-FOLDER PLAN REPEATS [FOLDER…]`.
 * Configurations alternate within a round, so that a noisy minute hurts all of them.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Config, defaults, label } from './config.ts'
import { type Plan, plans } from './plans.ts'

type Result = Record<string, unknown>

const [out = '', scratch = '.', planName = '', repeats = '3', ...folders] = process.argv.slice(2)
const plan: Plan | undefined = plans[planName]
if (!plan) throw new Error(`no such plan; there are ${Object.keys(plans).join(', ')}`)

const configs = plan.configs.map((c): Config => ({ ...defaults, ...c }))
const results = configs.map((): Result[] => [])
const script = fileURLToPath(new URL(plan.script, import.meta.url))
for (let round = 0; round < Number(repeats); round++) {
  for (const [i, config] of configs.entries()) {
    const args = [...process.execArgv, script, JSON.stringify(config), scratch, ...plan.flags, ...folders]
    results[i]?.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Result)
  }
}

const table = configs.map((config, i) => ({
  name: label(config),
  config,
  median: medians(results[i] ?? []),
  runs: results[i],
}))
const all: Result = existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as Result) : {}
all[planName] = { repeats: Number(repeats), table }
writeFileSync(out, JSON.stringify(all))
for (const { name, median } of table)
  console.log(name.padEnd(30), plan.show.map((k) => `${k} ${brief(pick(median, k))}`).join('  '))

function medians(runs: Result[]): Result {
  const first = runs[0] ?? {}
  return Object.fromEntries(
    Object.entries(first).map(([name, value]) => {
      const values = runs.map((r) => r[name])
      if (typeof value === 'number')
        return [name, (values as number[]).sort((a, b) => a - b)[Math.floor(values.length / 2)]]
      if (value && typeof value === 'object') return [name, medians(values as Result[])]
      return [name, value]
    }),
  )
}

function pick(from: unknown, path: string): unknown {
  return path.split('.').reduce((at, name) => (at as Result | undefined)?.[name], from)
}

function brief(value: unknown): string {
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value)
}
