# SPDX-License-Identifier: BSD-3-Clause
# Bash completion for braidcap and mtracecap; goes to /usr/share/bash-completion/completions/, under both names. All words come
# from the help of the program that is completed: an option that it does not have is never offered.
# shellcheck disable=SC2207  # names of files come with their own quoting rules

# The options of the command "$@", a line each: option, name of its value, words that the value may be; with tabs between them.
_braidcap_options()
{
	"$@" --help 2>/dev/null | awk '
		function put(   i, n, part, value) {
			n = split(head, part, ", ")
			value = part[n]
			if (!sub(/^[^ ]+ /, "", value))
				value = ""
			sub(/\[.*/, "", value)
			if (value ~ /^[a-z]/)
				words = value
			sub(/;.*/, "", words)
			gsub(/ *\([^)]*\)/, "", words)
			gsub(/[,|]/, " ", words)
			for (i = 1; i <= n; i++) {
				own = part[i] ~ / / || part[i] ~ /^-.$/ || i == n
				sub(/ .*/, "", part[i])
				if (part[i] ~ /^-/)
					print part[i] "\t" (own ? value : "") "\t" words
			}
			head = words = ""
		}
		/^  braidcap / {	# -i SOURCE
			for (i = 1; i < NF; i++)
				if ($i ~ /^-[a-z]$/)
					print $i "\t" $(i + 1) "\t"
		}
		function name_all(text) {
			for (; match(text, /--[a-z][a-z0-9-]*/); text = substr(text, RSTART + RLENGTH))
				print substr(text, RSTART, RLENGTH) "\t\t"
		}
		/^(usage:|      ) braidcap / { name_all($0); next }
		/^[^ ]/ { prose = prose " " $0 }
		/^$/ {	# --memory, --io: as for capture
			if (prose ~ /as for capture/)
				name_all(prose)
			prose = ""
		}
		/^  (    )?--?[a-zA-Z]/ {	# an option; its explanation is behind two spaces, or in column 27
			put()
			head = $0
			if (substr($0, 26, 2) ~ / [^ ]/ && substr($0, 27) ~ / /)
				head = substr($0, 1, 25)
			listing = head ~ /--(compress|compress-type|format) /
			if (listing)
				words = substr($0, 27)
			sub(/^ +/, "", head)
			sub(/,?(  .*)?$/, "", head)
			next
		}
		/^                          [^ ]/ { if (listing) words = words " " substr($0, 27); next }
		{ put() }
		END { put() }'
}

# The names in the first column of the help of "$@".
_braidcap_names()
{
	"$@" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\(, [a-z]*\)*\) .*/\1/p' | tr -d ,
}

# What may stand behind an option of the command "$@".
_braidcap_values()
{
	local option=$1 cur=$2 name='' value='' words=''
	shift 2
	# What another command explains is the same there.
	while IFS='/' read -r name value words; do
		[[ $name == "$option" && $value ]] && break
		value=
	done < <({ _braidcap_options "$@"; _braidcap_options "$1" capture; } | tr '\t' '/')
	[[ $value ]] || return 1
	case $option:$value in
	-i:*) COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null) dpdk: pcap: file: erf: null:" -- "$cur") $(compgen -f -- "$cur")) ;;
	--user:* | *:USER) COMPREPLY=($(compgen -u -- "$cur")) ;;
	--role:*) COMPREPLY=($(compgen -W 'viewer analyst operator' -- "$cur")) ;;
	*:KEYFILE | *:FILE* | *:DIR* | *:FOLDER | *:DEST) COMPREPLY=($(compgen -f -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
	esac
}

_braidcap()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} run=("${COMP_WORDS[0]}") first=1

	COMPREPLY=()
	if [[ ${run[0]##*/} != mtracecap ]]; then
		if [[ $COMP_CWORD -eq 1 ]]; then
			COMPREPLY=($(compgen -W "$(_braidcap_names "${run[@]}")" -- "$cur"))
			return
		fi
		run+=("${COMP_WORDS[1]}")
		first=2
	fi
	[[ $COMP_CWORD -gt $first && $prev == -* ]] && _braidcap_values "$prev" "$cur" "${run[@]}" && return
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_braidcap_options "${run[@]}" | cut -f1 | grep -e -- || true)" -- "$cur"))
	elif [[ ${run[1]} == help && $COMP_CWORD -eq 2 ]]; then
		COMPREPLY=($(compgen -W "$(_braidcap_names "${run[0]}")" -- "$cur"))
	elif [[ ${run[1]} == ctl && $COMP_CWORD -eq 2 ]]; then
		COMPREPLY=($(compgen -W "$(_braidcap_names "${run[@]}")" -- "$cur"))
	else
		[[ ${run[0]##*/} == mtracecap || ${run[1]} == mtracecap ]] &&
			COMPREPLY=($(compgen -W 'int: ring: pcapint: pcapfile: pcapng: erf: dpdk:' -- "$cur"))
		COMPREPLY+=($(compgen -f -- "$cur"))
	fi
}

complete -o filenames -F _braidcap braidcap mtracecap
