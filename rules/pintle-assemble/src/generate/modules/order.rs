/// For each module all it needs, directly or not, ordered so that whoever needs something stands before it.
///
/// `direct[m]` are the direct needs of module `m`, each once. Between unrelated modules the order is that of a
/// depth-first topological sort from the modules nobody needs, the last of them first: depmod's, so that its files
/// can be compared byte for byte.
///
/// # Errors
/// The modules that lie on or above a circle.
pub(super) fn order(direct: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, Vec<usize>> {
    let rank = rank(direct)?;
    let mut seen = vec![usize::MAX; direct.len()];
    let mut all = Vec::with_capacity(direct.len());
    for module in 0..direct.len() {
        let mut needs = Vec::new();
        let mut todo = direct[module].clone();
        while let Some(need) = todo.pop() {
            if seen[need] != module {
                seen[need] = module;
                needs.push(need);
                todo.extend(&direct[need]);
            }
        }
        needs.sort_unstable_by_key(|need| rank[*need]);
        all.push(needs);
    }
    Ok(all)
}

/// Place of each module in the topological order.
fn rank(direct: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut users = vec![0_usize; direct.len()];
    for need in direct.iter().flatten() {
        users[*need] += 1;
    }
    let mut free: Vec<usize> = (0..direct.len()).filter(|module| users[*module] == 0).collect();
    let mut rank = vec![usize::MAX; direct.len()];
    let mut next = 0;
    while let Some(module) = free.pop() {
        rank[module] = next;
        next += 1;
        for need in &direct[module] {
            users[*need] -= 1;
            if users[*need] == 0 {
                free.push(*need);
            }
        }
    }
    if next == direct.len() { Ok(rank) } else { Err((0..direct.len()).filter(|m| users[*m] > 0).collect()) }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn needs_are_complete_and_ordered() {
        // 0 needs 1 and 2, 1 needs 2, 3 needs nothing.
        let all = order(&[vec![2, 1], vec![2], vec![], vec![]]).unwrap();
        assert_eq!(all, [vec![1, 2], vec![2], vec![], vec![]]);
        assert_eq!(order(&[vec![1], vec![0], vec![]]).unwrap_err(), [0, 1]);
    }
}
