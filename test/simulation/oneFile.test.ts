/** On a store of one file: small writers publish in one transaction, volume and catalog move together. */
import { simulate } from './simulate.js'

simulate(1)
