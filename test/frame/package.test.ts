/** package.json, the lock file and the launcher say the same, and say what an install elsewhere needs. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unsupportedNodeReason } from '../../src/base/supportedNode.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

interface Manifest {
  readonly engines: { readonly node: string }
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}
interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(PROJECT, name), 'utf8'))
}
const manifest = readJson('package.json') as Manifest
const locked = (readJson('package-lock.json') as { packages: Record<string, LockedPackage> }).packages

describe('the lock file', () => {
  test('names no registry', () => {
    expect(Object.entries(locked).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })

  test('agrees with package.json', () => {
    const { dependencies, devDependencies } = locked[''] as Partial<Manifest>
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    })
  })

  test('knows the packages of every platform, as `npm ci` demands', () => {
    const wanted = Object.values(locked).flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
    expect(wanted.length).toBeGreaterThan(0)
    expect(wanted.filter((name) => !(`node_modules/${name}` in locked))).toEqual([])
  })

  test('has no install script that allowScripts does not decide on', () => {
    const withScripts = Object.entries(locked)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''))
    expect(withScripts.filter((name) => !(name in manifest.allowScripts))).toEqual([])
    // npm 12 runs none that is not allowed, and without its own the storage does not load.
    expect(manifest.allowScripts['better-sqlite3']).toBe(true)
  })

  test.each([
    ['better-sqlite3', 12, 'version 13 crashes on Node 20'],
    ['vitest', 4, 'later ones need a newer Node'],
    ['commander', 14, 'later ones need a newer Node'],
    ['typescript', 6, 'the documentation tests use its JavaScript API'],
    ['dependency-cruiser', 17, 'later ones need a newer Node'],
  ])('keeps %s at major version %i: %s', (name, major) => {
    expect(locked[`node_modules/${name}`]?.version?.split('.')[0]).toBe(String(major))
  })
})

const VERSIONS = [
  '12.22.12',
  '18.20.8',
  '20.18.3',
  '20.19.0',
  '20.99.0',
  '21.7.3',
  '22.13.1',
  '22.14.0',
  '23.0.0',
  '24.9.0',
]
const SUPPORTED = ['20.19.0', '20.99.0', '22.14.0', '23.0.0', '24.9.0']

describe('the supported versions of Node.js', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'varve-node-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The launcher in a process that takes itself for another Node and cannot import: what it says, and its status. */
  function launchOn(version: string): { status: number | null; said: string } {
    const disguise = join(folder, `${version}.cjs`)
    writeFileSync(
      disguise,
      `Object.defineProperty(process, 'version', { value: 'v${version}' })
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })\n`,
    )
    // The launcher alone: what it would load is not there, so nothing else can speak or fail first.
    const launcher = join(folder, 'varve.cjs')
    writeFileSync(launcher, readFileSync(join(PROJECT, 'cli/varve.cjs')))
    const ended = spawnSync(process.execPath, ['--require', disguise, launcher], { encoding: 'utf8' })
    return { status: ended.status, said: ended.stderr + ended.stdout }
  }

  test.each(VERSIONS)('the launcher takes or refuses %s as the library does', (version) => {
    const reason = unsupportedNodeReason(`v${version}`)
    expect(reason === undefined).toBe(SUPPORTED.includes(version))
    expect(launchOn(version)).toEqual({
      status: 1,
      said: `${reason ?? 'varve is not built: run `npm run build` first.'}\n`,
    })
  })

  test('package.json says the same to npm', () => {
    expect(manifest.engines.node).toBe('^20.19.0 || >=22.14.0')
  })
})
