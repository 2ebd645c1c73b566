// Guests that leave by proc_exit or a signal, from wherever they are.
import { describeTopic } from './helpers/hostile-suite.ts'

describeTopic('exits')
