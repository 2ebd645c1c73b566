// Guests whose allocator lies, traps or gives what is not theirs to give.
import { describeTopic } from './helpers/hostile-suite.ts'

describeTopic('allocator')
