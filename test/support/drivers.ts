/** Drivers for threads of volumes: better-sqlite3, but for what happens when a transaction is to be committed. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { tempFolder } from './tempFolder.js'

/**
 * @param before JavaScript that runs in the thread instead of `COMMIT`: `commit()` does it, `count` says the how manieth it is there
 * @returns a path, for `OpenGroupOptions.driver`
 */
export function driverWith(before: string): string {
  const path = join(tempFolder(), 'driver.cjs')
  const real = createRequire(import.meta.url).resolve('better-sqlite3')
  writeFileSync(
    path,
    `const Database = require(${JSON.stringify(real)})
     const { appendFileSync, existsSync } = require('node:fs')
     let count = 0
     module.exports = class extends Database {
       prepare(sql) {
         const statement = super.prepare(sql)
         if (sql !== 'COMMIT') return statement
         return { run: () => { const commit = () => statement.run(); count++; ${before} } }
       }
     }`,
  )
  return path
}
