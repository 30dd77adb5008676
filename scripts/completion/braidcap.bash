# SPDX-License-Identifier: BSD-3-Clause
# Bash completion for braidcap and mtracecap; goes to /usr/share/bash-completion/completions/, under both names.

# The codecs, as the help of command "$@" lists them.
_braidcap_codecs()
{
	"$@" --help 2>/dev/null |
		awk '/^  -Z,/ { on = 1 } /^  -z,/ { on = 0 } on { s = substr($0, 27); gsub(/ \([^)]*\)|,/, "", s); print s }'
}

_braidcap()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local commands='capture mtracecap devices plan ctl console top verify find flows doctor recover collect expire extcap import-osmo index upload help version'
	local options='--filter --filter-file --exclude --snaplen --format --compress --compress-level --queue-option --rotate-seconds
		--rotate-clock --rotate-size --rotate-packets --skip-empty --comment --ring-buffer --autostop --stop-files --stop-size
		--direction --buffer-size --immediate-mode --linktype --list-data-link-types --wait-interface --check
		--utc --count --duration --idle-exit --max-wait --flush-ms --memory --mbufs --chunk
		--writers --io --index --seqfile --watchfile --file-ext --mode --pipeout --lcores --busy-poll --no-accelerate --bpf-jit
		--no-promisc --no-huge --eal --prefix --user
		--completed --on-segment --on-segment-seconds --zmq-publish --zmq-client --zmq-ns --pcap-over-ip
		--keep-age --keep-number --keep-size --keep-free --keep-uploaded --recompress --expire-unmarked
		--upload --upload-node --upload-rate --upload-connections --s3-endpoint --s3-region --s3-ca --s3-credentials
		--s3-profile --s3-path-style --s3-plain --drain-timeout --detect-loop --tls-ca --tls-crl --tls-cert --tls-key --report --rotate-on-hup --verbose --quiet --help --config -i -w'
	local collect='--listen --allow --merge --names --max-snaplen --handshake-timeout --tls --tls-cert --tls-key --tls-ca
		--tls-crl --tls-bind-names --snaplen --format --compress --compress-level --mode --rotate-seconds --rotate-size
		--rotate-clock --utc --duration --idle-exit --max-wait --flush-ms --memory --mbufs --chunk --writers --io --lcores
		--busy-poll --no-accelerate --completed --on-segment --on-segment-seconds --zmq-publish --zmq-ns --pcap-over-ip --keep-age
		--keep-number --keep-size --keep-free --keep-uploaded --recompress --expire-unmarked --upload --upload-node --upload-rate
		--upload-connections --s3-endpoint --s3-region --s3-ca --s3-credentials --s3-profile --s3-path-style --s3-plain --no-huge --eal --prefix --user --drain-timeout --report --verbose --quiet --check --help --config -l -w'
	local s3='--s3-endpoint --s3-region --s3-ca --s3-credentials --s3-profile --s3-path-style --s3-plain'
	local find="$s3 --from --to --last --limit-packets --limit-bytes --format --compress --compress-level --rotate-seconds --rotate-clock
		--rotate-size --utc --mode --file-ext --io --threads --priority --explain --no-index --cache --json --verbose --quiet --help -w"

	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == devices ]]; then
		COMPREPLY=($(compgen -W '--json --help' -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == doctor ]]; then
		case $prev in
		-i) COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$cur")) ;;
		-w) COMPREPLY=($(compgen -d -- "$cur")) ;;
		*) COMPREPLY=($(compgen -W '-w -i --rate --packet --measure --no-measure --json --help' -- "$cur")) ;;
		esac
		return
	fi
	if [[ ${COMP_WORDS[1]} == import-osmo ]]; then
		COMPREPLY=($(compgen -f -- "$cur"))
		return
	fi
	[[ ${COMP_WORDS[1]} == plan ]] && options+=' --json --topology --rate --packet --hold --figures'
	if [[ ${COMP_WORDS[1]} == flows ]]; then
		options="$s3 --by --sort --top --from --to --last --format --per-segment --extent --cache --utc --clickhouse --clickhouse-table
			--clickhouse-create --clickhouse-ca --clickhouse-plain --help"
		[[ $cur == -* ]] && COMPREPLY=($(compgen -W "$options" -- "$cur")) || COMPREPLY=($(compgen -f -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == console ]]; then
		options='--listen --host --prefix --users --role --audit --tls-cert --tls-key --tls-ca --verbose --help'
		if [[ $prev == --role ]]; then
			COMPREPLY=($(compgen -W 'viewer analyst operator' -- "$cur"))
		else
			[[ $cur == -* ]] && COMPREPLY=($(compgen -W "$options" -- "$cur")) || COMPREPLY=($(compgen -f -- "$cur"))
		fi
		return
	fi
	if [[ ${COMP_WORDS[1]} == top ]]; then
		COMPREPLY=($(compgen -W '--delay --prefix --help' -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == expire ]]; then
		options='--keep-age --keep-number --keep-size --keep-free --keep-uploaded --recompress --expire-unmarked --json --dry-run --verbose --quiet --help'
		[[ $cur == -* ]] && COMPREPLY=($(compgen -W "$options" -- "$cur")) || COMPREPLY=($(compgen -d -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == upload ]]; then
		options='--node --utc --connections --rate --wait --s3-endpoint --s3-region --s3-ca --s3-credentials --s3-profile
			--s3-path-style --s3-plain --verbose --help'
		[[ $cur == -* ]] && COMPREPLY=($(compgen -W "$options" -- "$cur")) || COMPREPLY=($(compgen -d -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == ctl ]]; then
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W '--prefix --output --json --help' -- "$cur"))
		elif [[ $COMP_CWORD -eq 2 ]]; then
			COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" ctl --help 2>/dev/null |
				sed -n 's/^  \([a-z]*\(, [a-z]*\)*\) .*/\1/p' | tr -d ,)" -- "$cur"))
		fi
		return
	fi
	[[ ${COMP_WORDS[1]} == collect ]] && options=$collect
	[[ ${COMP_WORDS[1]} == find ]] && options=$find
	[[ ${COMP_WORDS[1]} == @(capture|collect|find) ]] || return
	case $prev in
	-i)
		COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null) dpdk: pcap: file: erf: null:" -- "$cur")
			$(compgen -f -- "$cur"))
		;;
	-w | -r | -F | --filter-file | -C | --config | --report | -N | --seqfile | -W | --watchfile | --completed | --tls-*)
		COMPREPLY=($(compgen -f -- "$cur"))
		;;
	-Z | --compress)
		COMPREPLY=($(compgen -W "$(_braidcap_codecs "${COMP_WORDS[0]}" capture)" -- "$cur"))
		;;
	--io)
		COMPREPLY=($(compgen -W 'auto direct buffered' -- "$cur"))
		;;
	--index)
		COMPREPLY=($(compgen -W 'flows time none' -- "$cur"))
		;;
	--names)
		COMPREPLY=($(compgen -W 'osmo braidcap' -- "$cur"))
		;;
	--direction | -Q)
		COMPREPLY=($(compgen -W 'in out inout' -- "$cur"))
		;;
	--format)
		COMPREPLY=($(compgen -W 'pcapng pcap pcap-us erf' -- "$cur"))
		;;
	--exclude)
		COMPREPLY=($(compgen -W 'gprs-user-data' -- "$cur"))
		;;
	--priority)
		COMPREPLY=($(compgen -W 'idle normal' -- "$cur"))
		;;
	--user)
		COMPREPLY=($(compgen -u -- "$cur"))
		;;
	*)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$options" -- "$cur"))
		elif [[ ${COMP_WORDS[1]} == find ]]; then
			COMPREPLY=($(compgen -f -- "$cur"))
		fi
		;;
	esac
}

_mtracecap()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local options='--baseuri --filter --rotate-seconds --rotate-sizemb --snaplen --use-utc --verbose --watchfile
		--maxwait_ms --compress-level --compress-type --seqfile --file-ext --relinquish-privileges --pipeout
		--libtrace-help --help'

	COMPREPLY=()
	case $prev in
	-N | --seqfile | -W | --watchfile)
		COMPREPLY=($(compgen -f -- "$cur"))
		;;
	-Z | --compress-type)
		COMPREPLY=($(compgen -W "$(_braidcap_codecs "${COMP_WORDS[0]}")" -- "$cur"))
		;;
	--relinquish-privileges)
		COMPREPLY=($(compgen -u -- "$cur"))
		;;
	*)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$options" -- "$cur"))
		else
			COMPREPLY=($(compgen -W 'int: ring: pcapint: pcapfile: pcapng: erf: dpdk:' -- "$cur") $(compgen -f -- "$cur"))
		fi
		;;
	esac
}

complete -o filenames -F _braidcap braidcap
complete -o filenames -F _mtracecap mtracecap
