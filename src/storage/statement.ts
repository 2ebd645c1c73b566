// Queries that are built once and run many times: building one in Kysely costs several times what running it
// does.
import type { CompiledQuery, Kysely, QueryResult } from 'kysely'
import type { Schema } from './schema.ts'

/** What stands for an argument while a query is built: where its parameter goes. */
type Places = readonly symbol[]

/** Each dialect has a spelling of its own; its adapter stands for it. */
export function onceADialect<T>(make: (db: Kysely<Schema>) => T): (db: Kysely<Schema>) => T {
  const made = new WeakMap<object, T>()
  return (db) => {
    const { adapter } = db.getExecutor()
    const known = made.get(adapter)
    if (known !== undefined) return known
    const one = make(db)
    made.set(adapter, one)
    return one
  }
}

export type Statement<A extends readonly unknown[], R> = (
  db: Kysely<Schema>,
  ...args: A
) => Promise<QueryResult<R>>

/**
 * `build` is called once for a dialect, with a stand-in for each argument, which it may put where a value goes
 * and may not look at.
 */
export function createStatement<A extends readonly unknown[], R>(
  build: (db: Kysely<Schema>, ...args: A) => { compile(): CompiledQuery<R> },
  count = build.length - 1,
): Statement<A, R> {
  const plan = onceADialect((db) => {
    const places: Places = Array.from({ length: count }, () => Symbol('argument'))
    const query = build(db, ...(places as unknown as A)).compile()
    /** Of each parameter which argument it is, or that it is a constant. */
    const from = query.parameters.map((parameter) => places.indexOf(parameter as symbol))
    return { query, from }
  })
  return (db, ...args) => {
    const { query, from } = plan(db)
    const parameters = from.map((place, at) => (place < 0 ? query.parameters[at] : args[place]))
    return db.executeQuery({ ...query, parameters })
  }
}

/** A statement about some rows by their ids, built once for each count of them. */
export function createStatementOfIds<A extends readonly unknown[], R>(
  build: (
    db: Kysely<Schema>,
    ids: readonly string[],
    ...args: A
  ) => { compile(): CompiledQuery<R> },
): (db: Kysely<Schema>, ids: readonly string[], ...args: A) => Promise<QueryResult<R>> {
  const statements = new Map<number, Statement<[...A, ...string[]], R>>()
  const others = build.length - 2
  return (db, ids, ...args) => {
    let statement = statements.get(ids.length)
    if (statement === undefined) {
      statement = createStatement<[...A, ...string[]], R>((toBuild, ...all) => {
        const some = all as readonly unknown[]
        const rest = some.slice(0, others) as unknown as A
        return build(toBuild, some.slice(others) as string[], ...rest)
      }, others + ids.length)
      statements.set(ids.length, statement)
    }
    return statement(db, ...args, ...ids)
  }
}
