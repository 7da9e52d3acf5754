import { buildStage } from '../test/crash/support/actor.js'
import { readFileSync, writeFileSync } from 'node:fs'
import * as d from '../test/crash/support/damage.js'
const stage = await buildStage()
const f = '/tmp/dmg-qo4kwV'
const list = f + '/one.json'
writeFileSync(list, JSON.stringify([{file:'store.varve',place:'',bit: 32803*8+2}]))
const a = stage.enter('damage', [f+'/subject.json', list, '0'])
console.log(await a.hear(30000)); a.kill(); stage.remove()
