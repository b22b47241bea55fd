/** What a session learned, as `store_session_with_learnings` takes it; each part can be said otherwise. */
export const aSummary = (over: object = {}) => ({
  objective: 'Move the store to SQLite',
  actions_taken: ['Wrote the schema'],
  decisions_made: ['Use SQLite'],
  open_items: ['Drop the old files'],
  next_actions: ['Measure the rebuild'],
  save_scope: 'project',
  ...over,
})

export const aDecision = (title: string, over: object = {}) => ({
  title,
  rationale: `${title}, because it was measured.`,
  owner: 'olga',
  date: '2026-11-21',
  scope: 'project',
  ...over,
})

export const aPattern = (trigger: string, over: object = {}) => ({
  trigger,
  repeatable_steps: [`Begin: ${trigger}`, 'Check the result'],
  scope: 'project',
  last_validated_at: '2026-11-21T10:00:00Z',
  ...over,
})
