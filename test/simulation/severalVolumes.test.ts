/** On a store of three volumes: every writer has a lease, and a volume may hold what the catalog does not name. */
import { simulate } from './simulate.js'

simulate(3)
