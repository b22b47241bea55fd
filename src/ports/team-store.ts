/** What a team's database says of itself. */
export interface StoreAbout {
  /** "PostgreSQL 15.6", as the server names itself. */
  readonly server: string
  /** The role that this process connects as. */
  readonly role: string
  /** Of Rutter's tables; `null` where there are none. */
  readonly version: number | null
  /** The version that this program brings tables to. */
  readonly newest: number
  /** Whether each role sees only the projects that it was given. */
  readonly row_level_security: boolean
  /** False where row-level security keeps text search from its index, so that it reads every document of a project. */
  readonly search_by_index: boolean
  /** What a superuser runs in the database, once, to change that; `null` where search goes by its index. */
  readonly search_remedy: string | null
}

/** What a migration came to. */
export interface Migrated extends StoreAbout {
  /** The version before; 0 where there were no tables. */
  readonly before: number
  /** Steps that were taken, each to the next version. */
  readonly steps: number
  /** True where row-level security is not as it was before. */
  readonly row_level_security_changed: boolean
}

/** What a role may do in which projects, where row-level security is on. */
export interface ProjectRights {
  readonly writes: readonly string[]
  readonly reads: readonly string[]
}

/** A team's database as its owner sees it: tables and rights, and no project's book. */
export interface TeamStore {
  /** For people: the address without its password. */
  readonly where: string
  about(): Promise<StoreAbout>
  /**
   * Makes the tables, or brings them up to this program's version, beside whatever else is in the database. Row-level security is
   * switched on or off where that is said, and stays as it is otherwise.
   */
  migrate(options: { readonly rowLevelSecurity?: boolean | undefined }): Promise<Migrated>
  close(): Promise<void>
}
