import { sharedServer } from '../support/postgres.ts'
import { postgresContract } from './postgres-contract.ts'

void sharedServer()

postgresContract('PostgreSQL')
