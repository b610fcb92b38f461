# What scripts that compare benchmarks share; they source it.

# Rows of `ganas bench --json` as name, shape, milliseconds.
rows() {
    grep -oE '"name":"[^"]*","shape":"[^"]*","ms":[^,}]*' |
        sed -E 's/^"name":"([^"]*)","shape":"([^"]*)","ms":(.*)$/\1\t\2\t\3/'
}

# For awk: the median of numbers in a text.
median='
    function median(list,    n, i, j, t, v) {
        n = split(list, v, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
        return (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
    }'

# turns ONE OTHER: what `bench ONE` and `bench OTHER` of the caller print as JSON, ROUNDS (3) times in turn, as rows with
# the side before them.
turns() {
    local round side
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        for side in "$@"; do bench "$side" | rows | sed "s/^/$side\t/"; done
    done
}

# table ONE OTHER: medians of such rows. Ratios are ONE's time by OTHER's: above 1 OTHER is faster.
table() {
    awk -F '\t' -v one="$1" -v other="$2" "$median"'
        { name = $2 " " $3 }
        !(name in seen) { seen[name] = 1; names[++n] = name }
        { times[$1, name] = times[$1, name] " " $4 }
        END {
            printf "| | %s, ms | %s, ms | ratio |\n|---|---|---|---|\n", one, other
            for (i = 1; i <= n; i++) {
                a = times[one, names[i]]; b = times[other, names[i]]
                if (a == "" || b == "") { printf "%s only on the side of %s\n", names[i], a == "" ? other : one; continue }
                a = median(a); b = median(b)
                # An iteration of a search: a step of the generator follows every fifth of the discriminator.
                if (names[i] ~ /^d_/) { of_one += a; of_other += b }
                if (names[i] ~ /^g_/) { of_one += a / 5; of_other += b / 5 }
                printf "| %s | %.3f | %.3f | %.2f |\n", names[i], a, b, a / b
                sum += log(a / b); both++
            }
            if (of_other) printf "| an iteration | %.3f | %.3f | %.2f |\n", of_one, of_other, of_one / of_other
            else if (both > 1) printf "geometric mean of the ratios %.2f\n", exp(sum / both)
        }'
}
