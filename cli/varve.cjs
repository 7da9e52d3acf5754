#!/usr/bin/env node
/**
 * The `varve` command. Looks at the Node.js it runs on before it loads anything else.
 *
 * Plain JavaScript as Node 12 parses it, because an old Node has to come far enough to be refused with a sentence.
 * The same range stands in `engines` of package.json and in src/base/supportedNode.ts; a test compares the three.
 */
'use strict'

const parts = process.versions.node.split('.')
const major = Number(parts[0])
const minor = Number(parts[1])

if (major > 22 || (major === 22 && minor >= 14) || (major === 20 && minor >= 19)) {
  // Each thread of the pool keeps memory of its own: more of them than processors take it for nothing.
  if (process.env.UV_THREADPOOL_SIZE === undefined) {
    process.env.UV_THREADPOOL_SIZE = String(Math.min(4, Math.max(2, require('node:os').availableParallelism())))
  }
  try {
    require('../dist/cli/main.cjs')
  } catch (error) {
    failToStart(error)
  }
} else {
  process.stderr.write(
    `varve needs Node.js 20.19 or later in the 20 line, or 22.14 or later; this is ${process.version}.\n`,
  )
  process.exitCode = 1
}

/** Only what keeps the command from loading comes here; what a verb meets is told by cli/main.ts. */
function failToStart(error) {
  const { existsSync } = require('node:fs')
  const { join } = require('node:path')
  const built = existsSync(join(__dirname, '../dist/cli/main.cjs'))
  process.stderr.write(built ? `varve: ${error.stack || error}\n` : 'varve is not built: run `npm run build` first.\n')
  process.exitCode = 1
}
