// Guests that leave by proc_exit or a signal, from wherever they are.
import { testTopic } from './helpers/hostile-suite.ts'

testTopic('exits')
