//! Smaller requests that show the same difference.

use plumbago::target::{Call, Expression};

use crate::compose::Request;

/// Requests that are asked while one is made smaller.
const ATTEMPTS_MAX: usize = 80;

/// Makes a request smaller as long as `differs` says that it still shows the difference.
pub(crate) fn shrink(request: &Request, mut differs: impl FnMut(&Request) -> bool) -> Request {
    let mut smallest = request.clone();
    let mut attempts = 0;
    'again: loop {
        for candidate in candidates(&smallest) {
            attempts += 1;
            if attempts > ATTEMPTS_MAX {
                return smallest;
            }
            if differs(&candidate) {
                smallest = candidate;
                continue 'again;
            }
        }
        return smallest;
    }
}

fn candidates(request: &Request) -> Vec<Request> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Request)| {
        let mut candidate = request.clone();
        change(&mut candidate);
        all.push(candidate);
    };
    if request.targets.len() > 1 {
        for target in &request.targets {
            add(&|candidate| candidate.targets = vec![target.clone()]);
        }
    }
    for (position, target) in request.targets.iter().enumerate() {
        for smaller in smaller(target) {
            add(&|candidate| candidate.targets[position] = smaller.clone());
        }
    }
    if request.is_piped {
        add(&|candidate| candidate.is_piped = false);
    }
    for (position, (name, _)) in request.parameters.iter().enumerate() {
        if !["from", "until", "now", "format"].contains(name) {
            add(&|candidate| drop(candidate.parameters.remove(position)));
        }
    }
    if request.format() != "json" {
        add(&|candidate| {
            for (name, value) in &mut candidate.parameters {
                if *name == "format" {
                    *value = "json".to_owned();
                }
            }
        });
    }
    all
}

/// Trees with one part less.
fn smaller(expression: &Expression) -> Vec<Expression> {
    let Expression::Call(call) = expression else {
        return Vec::new();
    };
    let is_series = |argument: &&Expression| {
        matches!(
            argument,
            Expression::Call(_) | Expression::Path(_) | Expression::SeriesByTag(_)
        )
    };
    let mut all: Vec<Expression> = call.arguments.iter().filter(is_series).cloned().collect();
    let mut add = |change: &dyn Fn(&mut Call)| {
        let mut candidate = call.clone();
        change(&mut candidate);
        all.push(Expression::Call(candidate));
    };
    for position in 0..call.keyword_arguments.len() {
        add(&|candidate| drop(candidate.keyword_arguments.remove(position)));
    }
    if call.arguments.len() > 1 {
        add(&|candidate| drop(candidate.arguments.pop()));
    }
    for (position, argument) in call.arguments.iter().enumerate() {
        for smaller in smaller(argument) {
            add(&|candidate| candidate.arguments[position] = smaller.clone());
        }
    }
    all
}
