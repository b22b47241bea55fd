/**
 * English words that nearly every text has: as terms of a search they cost the most and tell the least. Short forms stand without
 * their apostrophe. What a decision may be about (never, without, all, only) is not among them.
 */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  [
    'a about after again am an and any are arent as at be because been before being between both but by can cannot cant could couldnt',
    'did didnt do does doesnt doing dont down during each few for from further had hadnt has hasnt have havent having he hed hell her',
    'here heres hers herself hes him himself his how hows i id if ill im in into is isnt it itd itll its itself ive just lets me more',
    'most mustnt my myself no nor not now of off on once or other our ours ourselves out over own same shant she shed shes should',
    'shouldnt so some such than that thats the their theirs them themselves then there theres these they theyd theyll theyre theyve',
    'this those through to too under until up very was wasnt we wed well were werent weve what whats when whens where wheres which',
    'while who whom whos why whys will with wont would wouldnt you youd youll your youre yours yourself yourselves youve',
  ].flatMap((line) => line.split(' ')),
)
