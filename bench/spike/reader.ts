/** Reads random chunks in short read transactions until told to stop: `reader.ts CONFIG-JSON STORE`. */
import { randomBytes } from 'node:crypto'
import { noWaits, retrying } from './busy.ts'
import { parseConfig } from './config.ts'
import { Store } from './store.ts'

const [json = '{}', path = ''] = process.argv.slice(2)
const store = new Store(path, parseConfig(json), 0)
const pick = store.payload.prepare<[Buffer], [number, number, number]>(
  'SELECT eid, slot, length FROM chunk WHERE hash >= ? LIMIT 1',
)
pick.raw()
const waits = noWaits()
let transactions = 0
let chunks = 0
let running = true

process.on('message', () => {
  running = false
})

function transaction(): void {
  // The first SELECT takes the lock; BEGIN alone does not.
  let row = retrying(waits, () => {
    store.payload.exec('BEGIN')
    try {
      return pick.get(randomBytes(32))
    } catch (error) {
      store.payload.exec('ROLLBACK')
      throw error
    }
  })
  for (let i = 0; i < 8; i++) {
    if (row) {
      store.bytes({ eid: row[0], slot: row[1], length: row[2] })
      chunks++
    }
    row = pick.get(randomBytes(32))
  }
  store.payload.exec('COMMIT')
  transactions++
}

const began = performance.now()
process.send?.('ready')
while (running) {
  transaction()
  // Lets the message to stop arrive.
  await new Promise((resolve) => setImmediate(resolve))
}
store.close()
process.send?.({ transactions, chunks, seconds: (performance.now() - began) / 1000, waits })
process.disconnect()
