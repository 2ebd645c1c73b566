// Guests whose allocator lies, traps or gives what is not theirs to give.
import { testTopic } from './helpers/hostile-suite.ts'

testTopic('allocator')
