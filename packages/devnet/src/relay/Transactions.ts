/** Transactions that go on until somebody knows that nothing more is to come: a turn of the relay. */
import type { DatabaseSync } from "node:sqlite"

export interface Transactions {
  /** Inside the transaction that is under way; what throws is undone, and nothing else. */
  readonly within: <A>(body: () => A) => A
  /** Ends it, and says whether there was one; throws where nothing of it stays. */
  readonly commit: () => boolean
}

export const make = (db: DatabaseSync): Transactions => {
  const begin = db.prepare("BEGIN IMMEDIATE")
  const commit = db.prepare("COMMIT")
  const rollback = db.prepare("ROLLBACK")
  const save = db.prepare("SAVEPOINT step")
  const release = db.prepare("RELEASE step")
  const undo = db.prepare("ROLLBACK TO step")
  let underWay = false

  /** SQLite itself ends a transaction when the disk fails. */
  const assertUnbroken = () => {
    if (!db.isTransaction) throw new Error("The transaction was lost")
  }

  return {
    within: (body) => {
      if (underWay) assertUnbroken()
      else begin.run()
      underWay = true
      save.run()
      try {
        const result = body()
        release.run()
        return result
      } catch (cause) {
        if (db.isTransaction) {
          undo.run()
          release.run()
        }
        throw cause
      }
    },
    commit: () => {
      if (!underWay) return false
      underWay = false
      assertUnbroken()
      try {
        commit.run()
        return true
      } catch (cause) {
        if (db.isTransaction) rollback.run()
        throw cause
      }
    }
  }
}
