/** A disk that is full, for real, under a working folder: a commit, a switch, a new folder; and the same with room again. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noise } from '../crash/support/chance.js'
import { findSmallDisk, PRLIMIT } from '../crash/support/smallDisk.js'
import { type BuiltCommand, buildCommand } from '../support/builtCommand.js'
import { tempFolder } from '../support/tempFolder.js'

const disk = findSmallDisk()

let built: BuiltCommand
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built.remove())

/** `full` leaves no room, or so many bytes; `room` gives it back; `try NAME …` writes down how a command ended. */
const FUNCTIONS = `
varve() { $LIMIT "$NODE" "$SCRIPT" "$@"; }
if [ "$KIND" = mounted ]; then
  full() { dd if=/dev/zero of="$SMALL/fill" bs=4096 >/dev/null 2>&1; [ -z "\${1-}" ] || truncate -s "-$1" "$SMALL/fill"; }
  room() { rm "$SMALL/fill"; }
else
  full() { LIMIT="${PRLIMIT} --fsize=\${1-20000}"; }
  room() { LIMIT=; }
fi
try() { name=$1; shift; varve --json "$@" >"$REPORT/$name.out" 2>"$REPORT/$name.err"; echo $? >"$REPORT/$name.status"; }
LIMIT=
`

interface Outcome {
  readonly status: number
  readonly out: string
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string } | undefined
}

function run(script: string, names: readonly string[], small: string, roomy: string): Record<string, Outcome> {
  const [command = 'sh', ...rest] = [...disk.through(small), 'sh', '-c', FUNCTIONS + script]
  const ended = spawnSync(command, rest, {
    cwd: roomy,
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE: process.execPath,
      SCRIPT: built.script,
      KIND: disk.kind,
      SMALL: small,
      ROOMY: roomy,
      REPORT: roomy,
    },
  })
  expect({ status: ended.status, err: ended.stderr }).toEqual({ status: 0, err: '' })
  return Object.fromEntries(
    names.map((name) => {
      const [status, out, err] = ['status', 'out', 'err'].map((end) =>
        readFileSync(join(roomy, `${name}.${end}`), 'utf8'),
      )
      const error = err === '' ? undefined : (JSON.parse(err as string) as { error: Outcome['error'] }).error
      return [name, { status: Number(status), out: out as string, error }]
    }),
  )
}

function places(): { small: string; roomy: string } {
  const base = tempFolder()
  const [small, roomy] = [join(base, 'small'), join(base, 'roomy')]
  mkdirSync(small)
  mkdirSync(roomy)
  writeFileSync(join(roomy, 'big'), noise('full disk', 1_500_000))
  writeFileSync(join(roomy, 'small'), 'small\n')
  return { small, roomy }
}

// A limit on the size of files is told as an error of writing, not of room.
const NO_ROOM =
  disk.kind === 'mounted'
    ? { status: 6, error: { code: 'STORAGE_FULL', hint: expect.any(String) } }
    : { status: 6, error: { code: expect.stringMatching(/^STORAGE_(FULL|IO)$/) } }

test('a commit: nothing is recorded, looking still goes, and with room it is done', () => {
  const { small, roomy } = places()
  const outcomes = run(
    `
    cd "$SMALL" && mkdir own && cd own
    try init init
    cp "$ROOMY/small" a
    try first commit -m first
    cp "$ROOMY/big" b
    full 200000
    try commit commit -m second
    try status status
    try log log
    room
    full
    try none commit -m second
    try restore restore a
    ls .varve >"$ROOMY/state"
    room
    try after commit -m second
    try clean status
    try verify verify`,
    ['init', 'first', 'commit', 'status', 'log', 'none', 'restore', 'after', 'clean', 'verify'],
    small,
    roomy,
  )
  for (const name of ['init', 'first', 'status', 'log', 'after', 'clean', 'verify']) {
    expect({ name, ...outcomes[name] }).toMatchObject({ name, status: 0 })
  }
  expect(JSON.parse(outcomes.status?.out ?? '')).toMatchObject({ changes: [{ path: 'b', kind: 'added' }] })
  // None may be told that another process is at work, which could not write its lock either.
  for (const name of ['commit', 'none', 'restore']) expect({ name, ...outcomes[name] }).toMatchObject(NO_ROOM)
  expect(readFileSync(join(roomy, 'state'), 'utf8').split('\n')).not.toContain('lock')
  expect(JSON.parse(outcomes.log?.out ?? '')).toHaveLength(1)
  expect(JSON.parse(outcomes.clean?.out ?? '')).toMatchObject({ changes: [] })
})

test('a switch: it can be gone on with when there is room, and gone back on without', () => {
  const { small, roomy } = places()
  const outcomes = run(
    `
    try init --store "$ROOMY/store.varve" init
    export VARVE_STORE=
    mkdir from && cp small from/a && cp small from/z
    varve -q --store store.varve commit --from from -m small || exit 1
    cp big from/m && cp small from/b && rm from/z
    varve -q --store store.varve commit --from from -m big -b big || exit 1
    cd "$SMALL"
    try add --store "$ROOMY/store.varve" worktree add wt -d main
    cd wt
    full 600000
    try failed switch big
    try told status
    try still switch --continue
    try back switch --abort
    try backed status
    try again switch big
    room
    try after switch --continue
    try clean status
    cmp m "$ROOMY/big" && cmp b "$ROOMY/small" && [ ! -e z ] || exit 1`,
    ['init', 'add', 'failed', 'told', 'still', 'back', 'backed', 'again', 'after', 'clean'],
    small,
    roomy,
  )
  for (const name of ['init', 'add', 'told', 'back', 'backed', 'after', 'clean']) {
    expect({ name, ...outcomes[name] }).toMatchObject({ name, status: 0 })
  }
  for (const name of ['failed', 'still', 'again']) expect({ name, ...outcomes[name] }).toMatchObject(NO_ROOM)
  expect(outcomes.failed?.error?.message).toContain('"m"')
  expect(JSON.parse(outcomes.told?.out ?? '')).toMatchObject({ branch: null, interrupted: { branch: 'big' } })
  expect(JSON.parse(outcomes.backed?.out ?? '')).toMatchObject({ branch: null, interrupted: null, changes: [] })
  expect(JSON.parse(outcomes.clean?.out ?? '')).toMatchObject({ branch: 'big', interrupted: null, changes: [] })
})

/** Room for the beginning of a store; where one file is limited and not all together, no more. */
const SIZES = disk.kind === 'mounted' ? [20_000, 90_000, 100_000] : [20_000]

test('a new working folder, of its own or of a store: nothing is left of it', () => {
  const owns = ['own', ...SIZES.map((bytes) => `own${bytes}`)]
  const { small, roomy } = places()
  const outcomes = run(
    `
    try init --store "$ROOMY/store.varve" init
    mkdir from && cp small from/a && cp big from/m
    varve -q --store store.varve commit --from from -m big || exit 1
    cd "$SMALL"
    for bytes in "" ${SIZES.join(' ')}; do
      full $bytes
      try "own$bytes" init "$SMALL/own"
      room
    done
    full 600000
    try add --store "$ROOMY/store.varve" worktree add "$SMALL/wt" -c new
    ls -A "$SMALL" >"$ROOMY/left"
    room
    try known --store "$ROOMY/store.varve" worktree
    try after --store "$ROOMY/store.varve" worktree add "$SMALL/wt" -c new
    try ownAfter init "$SMALL/own"`,
    ['init', ...owns, 'add', 'known', 'after', 'ownAfter'],
    small,
    roomy,
  )
  for (const name of [...owns, 'add']) expect({ name, ...outcomes[name] }).toMatchObject(NO_ROOM)
  const left = readFileSync(join(roomy, 'left'), 'utf8').split('\n')
  expect(left.filter((name) => name !== '' && name !== 'fill')).toEqual([])
  expect(JSON.parse(outcomes.known?.out ?? '')).toEqual([])
  for (const name of ['init', 'after', 'ownAfter'])
    expect({ name, ...outcomes[name] }).toMatchObject({ name, status: 0 })
})
